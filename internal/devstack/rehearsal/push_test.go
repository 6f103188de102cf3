//go:build e2e

package rehearsal_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// layered is an image of five layers, none of which was pushed before.
func layered(marker string) string {
	var dockerfile strings.Builder
	dockerfile.WriteString("FROM scratch\n")
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		dockerfile.WriteString("COPY <<EOT /" + name + "\n" + marker + " " + name + " " + time.Now().String() + "\nEOT\n")
	}
	return "# syntax=docker/dockerfile:1\n" + dockerfile.String()
}

// TestEveryBlobIsUploadedOnce has one build push to two registries: each gets
// every blob once.
func TestEveryBlobIsUploadedOnce(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/Dockerfile", layered("once"))
	if err := world.ClearRequests(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := buildIn(t, dir, map[string]string{
		"images": "ghcr.io/acme/once\ndocker.io/acme/once", "platforms": "linux/amd64,linux/arm64", "provenance": "false",
	}, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log)
	}
	log, err := world.Requests(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	blobs := blobsOf(t, "ghcr.io/acme/once", b.outputs["digest"])
	uploads := map[string]int{}
	for _, r := range log {
		if r.Method == http.MethodPut && strings.Contains(r.Path, "/blobs/uploads/") {
			uploads[r.Host]++
		}
	}
	if len(uploads) != 2 {
		t.Fatalf("uploads by host: %v", uploads)
	}
	for host, n := range uploads {
		if n != len(blobs) {
			t.Errorf("%s got %d uploads of %d blobs", host, n, len(blobs))
		}
	}
}

// blobsOf returns the digests of all configurations and layers of an index.
func blobsOf(t *testing.T, repository, digest string) map[string]bool {
	t.Helper()
	type descriptor struct{ Digest string }
	var m struct {
		Manifests, Layers []descriptor
		Config            *descriptor
	}
	text, err := judges().Run(t.Context(), "crane", "manifest", repository+"@"+digest)
	if err == nil {
		err = json.Unmarshal([]byte(text), &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	blobs := map[string]bool{}
	for _, child := range m.Manifests {
		for blob := range blobsOf(t, repository, child.Digest) {
			blobs[blob] = true
		}
	}
	if m.Config != nil {
		blobs[m.Config.Digest] = true
	}
	for _, layer := range m.Layers {
		blobs[layer.Digest] = true
	}
	return blobs
}

// TestRegistryRefusesInMidPush has a registry refuse the third of five blobs.
func TestRegistryRefusesInMidPush(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/Dockerfile", layered("refused"))
	inputs := map[string]string{"images": "ghcr.io/acme/refused\ndocker.io/acme/refused", "platforms": "linux/amd64", "provenance": "false", "retry-for": "2s"}
	if err := world.FaultLater(t.Context(), "registry-1.docker.io", http.MethodPut, "/v2/acme/refused/blobs/", 2, http.StatusForbidden); err != nil {
		t.Fatal(err)
	}
	b, err := buildIn(t, dir, inputs, nil)
	if clearErr := world.ClearFaults(t.Context()); clearErr != nil {
		t.Fatal(clearErr)
	}
	if err == nil {
		t.Fatalf("it succeeds:\n%s", b.log)
	}
	for _, want := range []string{"failed to push docker.io/acme/refused: denied", "hint: the login must be allowed to write there"} {
		if !strings.Contains(b.log, want) {
			t.Errorf("the log lacks %q:\n%s", want, b.log)
		}
	}
	for _, repository := range []string{"ghcr.io/acme/refused", "docker.io/acme/refused"} {
		if found := tags(t, repository); len(found) > 0 {
			t.Errorf("%s has tags: %v", repository, found)
		}
	}
	if again, err := buildIn(t, dir, inputs, nil); err != nil || again.outputs["digest"] == "" {
		t.Errorf("running it again: %v\n%s", err, again.log)
	}
}

// TestBuilderOutOfSpace has a step fill what little room it has.
func TestBuilderOutOfSpace(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/Dockerfile", base+"RUN dd if=/dev/zero of=/dev/shm/x bs=1M count=4\n")
	b, err := buildIn(t, dir, map[string]string{"shm-size": "1m", "images": "ghcr.io/acme/full"}, nil)
	if err == nil {
		t.Fatal("it succeeds")
	}
	for _, want := range []string{"No space left on device", "RUN dd if=/dev/zero", "hint: free disk space"} {
		if !strings.Contains(b.log, want) {
			t.Errorf("the log lacks %q:\n%s", want, b.log)
		}
	}
}
