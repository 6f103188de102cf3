package buildpush

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const revisionLabel = "org.opencontainers.image.revision"

// TestMain makes this program a buildx where the environment says so.
func TestMain(m *testing.M) {
	if mode := os.Getenv("FAKE_BUILDX"); mode != "" {
		if err := fakeBuildx(mode, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "ERROR:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// call is what a fake buildx was given.
type call struct {
	Args         []string
	Env          []string
	DockerConfig map[string]any
	ConfigMode   string
	Linked       map[string]string // entries of the docker configuration → content of the file in it
	Secrets      map[string]string // id → value
}

// fakeBuildx does to files and registries what buildx does, without a build.
func fakeBuildx(mode string, args []string) error {
	if args[0] == "buildx" { // run as docker's plugin
		args = args[1:]
	}
	if args[0] == "version" {
		if mode == "no-plugin" {
			fmt.Println("docker: unknown command: docker buildx\n\nRun 'docker --help' for more information")
			return errors.New("exit")
		}
		fmt.Println("github.com/docker/buildx v0.0.0 fake")
		return nil
	}
	report := os.Getenv("FAKE_REPORT")
	if done, err := fakeBuilder(report, args); done {
		return err
	}
	if err := record(report, args); err != nil {
		return err
	}
	switch mode {
	case "fail":
		log, err := os.ReadFile("progress/testdata/failed/run-3-platforms.rawjson")
		if err != nil {
			return err
		}
		fmt.Fprint(os.Stderr, string(log)) // with the last word of buildx
		os.Exit(1)
	case "hang", "stubborn":
		return hang(mode == "stubborn", report)
	case "call":
		fmt.Println("Check complete, no warnings found.")
		return nil
	case "call-fails":
		fmt.Println("WARNING: FromAsCasing")
		return errors.New("exit")
	case "files": // an output without an image
		return os.WriteFile(flagOf(args, "--metadata-file"), []byte(`{"buildx.build.ref":"x"}`), 0o600)
	case "silent": // succeeds and pushes nothing
		return os.WriteFile(flagOf(args, "--metadata-file"), []byte(`{"buildx.build.ref":"x"}`), 0o600)
	}
	return fakePush(mode, args)
}

// fakeBuilder does what buildx does with builders, of which one is selected and
// called "mine". It reports whether it was asked to.
func fakeBuilder(report string, args []string) (done bool, err error) {
	instances := filepath.Join(os.Getenv("BUILDX_CONFIG"), "instances")
	switch args[0] {
	case "ls":
		name := "mine"
		if made, _ := os.ReadDir(instances); len(made) > 0 {
			name = made[0].Name()
		}
		_, err := fmt.Printf(`{"Name":%q,"Driver":"docker-container","Current":true,"Nodes":[{"Name":"n","Endpoint":"default","Status":"running","Platforms":["linux/amd64","linux/arm64","linux/arm/v7"]}]}`+"\n", name)
		return true, err
	case "create":
		return true, errors.Join(os.MkdirAll(instances, 0o700), os.WriteFile(filepath.Join(instances, flagOf(args, "--name")), nil, 0o600))
	case "inspect":
		return true, nil
	case "rm":
		name := args[len(args)-1]
		return true, errors.Join(os.Remove(filepath.Join(instances, name)), os.WriteFile(report+".removed", []byte(name), 0o600))
	}
	return false, nil
}

func hang(stubborn bool, report string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	// Renamed into place, since the test waits for it.
	if err := os.WriteFile(report+".pid.new", fmt.Append(nil, os.Getpid()), 0o600); err != nil {
		return err
	}
	if err := os.Rename(report+".pid.new", report+".pid"); err != nil {
		return err
	}
	for {
		select {
		case <-signals:
			if !stubborn {
				return errors.Join(os.WriteFile(report+".interrupted", nil, 0o600), errors.New("canceled"))
			}
		case <-time.After(time.Minute):
			return errors.New("nobody interrupts")
		}
	}
}

func flagOf(args []string, name string) string {
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, name+"="); ok {
			return value
		}
	}
	return ""
}

func record(path string, args []string) error {
	c := call{Args: args, Env: os.Environ(), Linked: map[string]string{}, Secrets: map[string]string{}}
	dir := os.Getenv("DOCKER_CONFIG")
	info, err := os.Stat(filepath.Dir(dir))
	if err != nil {
		return err
	}
	c.ConfigMode = info.Mode().Perm().String()
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err == nil {
		err = json.Unmarshal(text, &c.DockerConfig)
	}
	if err != nil {
		return err
	}
	linked, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		return err
	}
	for _, file := range linked {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, file)
		c.Linked[rel] = string(content)
	}
	for _, arg := range args {
		if spec, ok := strings.CutPrefix(arg, "--secret="); ok {
			id, src, _ := strings.Cut(strings.TrimPrefix(spec, "id="), ",src=")
			value, err := os.ReadFile(src)
			if err != nil {
				return err
			}
			c.Secrets[id] = string(value)
		}
	}
	if text, err = json.Marshal(c); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// fakePush pushes an index of the platforms, with an attestation manifest as
// BuildKit adds it, to all repositories of --output, with the logins that
// docker's configuration has.
func fakePush(mode string, args []string) error {
	platforms := strings.Split(flagOf(args, "--platform"), ",")
	if mode == "lose-platform" {
		platforms = platforms[1:]
	}
	revision, _, _ := strings.Cut(strings.TrimPrefix(flagOf(args, "--label"), revisionLabel+"="), "\n")
	index, err := fakeIndex(platforms, revision)
	if err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	output, err := csv.NewReader(strings.NewReader(flagOf(args, "--output"))).Read()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if dest := attribute(flagOf(args, "--output"), "dest"); dest != "" {
		return errors.Join(fakeLayout(dest, index), fakeMetadata(args, digest.String()))
	}
	if flagOf(args, "--push") == "true" {
		repo, _, _ := strings.Cut(strings.TrimPrefix(flagOf(args, "--tag"), "http://"), ":v")
		output = []string{"name=" + repo}
	}
	for _, field := range output {
		names, ok := strings.CutPrefix(field, "name=")
		if !ok {
			continue
		}
		repos := strings.Split(names, ",")
		if mode == "lose-registry" {
			repos = repos[:1]
		}
		for _, repo := range repos {
			ref, err := name.NewDigest(repo + "@" + digest.String())
			if err != nil {
				return err
			}
			if err := remote.WriteIndex(ref, index, remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
				return err
			}
		}
	}
	return fakeMetadata(args, digest.String())
}

func fakeMetadata(args []string, digest string) error {
	text, err := json.Marshal(map[string]any{
		"containerimage.digest":     digest,
		"containerimage.descriptor": map[string]any{"digest": digest, "mediaType": types.OCIImageIndex},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(flagOf(args, "--metadata-file"), text, 0o600)
}

func fakeLayout(dir string, index v1.ImageIndex) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return path.AppendIndex(index)
}

func fakeIndex(platforms []string, revision string) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	add := func(p v1.Platform, annotations map[string]string) error {
		img, err := random.Image(128, 1)
		if err != nil {
			return err
		}
		file, err := img.ConfigFile()
		if err != nil {
			return err
		}
		file = file.DeepCopy()
		file.OS, file.Architecture, file.Variant = p.OS, p.Architecture, p.Variant
		file.Config.Labels = map[string]string{revisionLabel: revision}
		if img, err = mutate.ConfigFile(img, file); err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p, Annotations: annotations}})
		return nil
	}
	for _, text := range slices.Backward(platforms) { // not in the order that was asked for
		p, err := v1.ParsePlatform(text)
		if err == nil {
			err = add(*p, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	err := add(v1.Platform{OS: "unknown", Architecture: "unknown"}, map[string]string{"vnd.docker.reference.type": "attestation-manifest"})
	return index, err
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
