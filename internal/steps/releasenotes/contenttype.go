package releasenotes

import (
	"path/filepath"
	"strings"
)

// contentTypes are the media types of what is usually released. The machine's own
// table isn't asked: it differs from runner to runner.
//
// https://www.iana.org/assignments/media-types
var contentTypes = map[string]string{
	".apk":  "application/vnd.android.package-archive",
	".asc":  "application/pgp-keys",
	".bz2":  "application/x-bzip2",
	".css":  "text/css",
	".csv":  "text/csv",
	".deb":  "application/x-debian-package",
	".dmg":  "application/x-apple-diskimage",
	".exe":  "application/x-msdos-program",
	".gif":  "image/gif",
	".gz":   "application/gzip",
	".htm":  "text/html",
	".html": "text/html",
	".jar":  "application/java-archive",
	".jpg":  "image/jpeg",
	".js":   "text/javascript",
	".json": "application/json",
	".md":   "text/markdown",
	".msi":  "application/x-msdownload",
	".pdf":  "application/pdf",
	".pem":  "application/x-x509-ca-cert",
	".png":  "image/png",
	".rpm":  "application/x-redhat-package-manager",
	".sig":  "application/pgp-signature",
	".svg":  "image/svg+xml",
	".tar":  "application/x-tar",
	".txt":  "text/plain",
	".wasm": "application/wasm",
	".xml":  "application/xml",
	".xz":   "application/x-xz",
	".yaml": "text/yaml",
	".yml":  "text/yaml",
	".zip":  "application/zip",
}

func contentType(path string) string {
	if t, ok := contentTypes[strings.ToLower(filepath.Ext(path))]; ok {
		return t
	}
	return "application/octet-stream"
}
