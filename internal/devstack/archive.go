package devstack

import (
	"archive/tar"
	"io/fs"
	"os"
	"path/filepath"
)

// archive is a layer being written; all its files are root's and of no time.
type archive struct{ *tar.Writer }

func (a *archive) folder(name string, mode int64) error {
	return a.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode})
}

func (a *archive) link(name, target string) error {
	return a.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777})
}

func (a *archive) file(name string, mode int64, content []byte) error {
	if err := a.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := a.Write(content)
	return err
}

// copyFile adds the file at path under name.
func (a *archive) copyFile(name string, mode int64, path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return a.file(name, mode, content)
}

// tree adds the folder at root under name, without what skip names.
func (a *archive) tree(name, root string, skip func(path string, d fs.DirEntry) bool) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if skip(filepath.ToSlash(rel), d) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		target := filepath.ToSlash(filepath.Join(name, rel))
		info, err := d.Info()
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return a.folder(target, 0o755)
		case d.Type().IsRegular():
			// Only whether it can be run: who may write differs between machines.
			mode := int64(0o644)
			if info.Mode()&0o100 != 0 {
				mode = 0o755
			}
			return a.copyFile(target, mode, path)
		}
		return nil
	})
}
