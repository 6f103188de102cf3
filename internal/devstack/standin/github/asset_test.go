package github_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	gh "github.com/google/go-github/v60/github"
)

func TestAssetsAreKeptAndDownloaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release := w.create(gh.RepositoryRelease{TagName: gh.String("v1"), Draft: gh.Bool(true)})
	asset, err := w.upload(release.GetID(), "my file.txt", "content")
	if err != nil {
		t.Fatal(err)
	}
	if asset.GetName() != "my.file.txt" || asset.GetSize() != 7 || asset.GetState() != "uploaded" || asset.GetContentType() != "text/plain" {
		t.Errorf("asset %+v", asset)
	}
	_, answer := w.call("GET", asset.GetURL(), write, "")
	if want := "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"; answer["digest"] != want {
		t.Errorf("digest %v, want %s", answer["digest"], want)
	}
	list, _, err := w.client(write).Repositories.ListReleaseAssets(t.Context(), owner, repo, release.GetID(), nil)
	if err != nil || len(list) != 1 {
		t.Errorf("list %v, %v", list, err)
	}
	_, _, err = w.client("").Repositories.GetReleaseAsset(t.Context(), owner, repo, asset.GetID())
	wantError(t, err, http.StatusNotFound, "", "") // it is a draft's

	w.edit(release.GetID(), gh.RepositoryRelease{Draft: gh.Bool(false)})
	content, _, err := w.client(write).Repositories.DownloadReleaseAsset(t.Context(), owner, repo, asset.GetID(), &http.Client{Transport: w})
	if err != nil {
		t.Fatal(err)
	}
	wantContent(t, content, "content")
	published, _, err := w.client("").Repositories.GetReleaseByTag(t.Context(), owner, repo, "v1")
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{
		published.Assets[0].GetBrowserDownloadURL(), "https://github.com/acme/hello/releases/latest/download/my.file.txt",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: w}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		wantContent(t, resp.Body, "content")
	}
	again, _, err := w.client("").Repositories.GetReleaseAsset(t.Context(), owner, repo, asset.GetID())
	if err != nil || again.GetDownloadCount() != 3 {
		t.Errorf("downloads %d, %v, want 3", again.GetDownloadCount(), err)
	}
}

func wantContent(t *testing.T, r io.ReadCloser, want string) {
	t.Helper()
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || string(got) != want {
		t.Errorf("content %q, %v, want %q", got, err, want)
	}
}

func TestDownloadsTakeNoCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release := w.create(gh.RepositoryRelease{TagName: gh.String("v1")})
	asset, err := w.upload(release.GetID(), "a", "content")
	if err != nil {
		t.Fatal(err)
	}
	_, location, err := w.client("").Repositories.DownloadReleaseAsset(t.Context(), owner, repo, asset.GetID(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, location, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+write)
	resp, err := w.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d, want 400", resp.StatusCode)
	}
}

func TestUploadIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release := w.create(gh.RepositoryRelease{TagName: gh.String("v1")})
	if _, err := w.upload(release.GetID(), "a b", "content"); err != nil {
		t.Fatal(err)
	}
	_, err := w.upload(release.GetID(), "a?b", "content")
	wantError(t, err, http.StatusUnprocessableEntity, "name", "already_exists")
	_, err = w.upload(release.GetID()+100, "c", "content")
	wantError(t, err, http.StatusNotFound, "", "")
	_, err = w.upload(release.GetID(), "empty", "")
	wantError(t, err, http.StatusBadRequest, "", "")
	if status, answer := w.call("POST", strings.TrimSuffix(release.GetUploadURL(), "{?name,label}"), write, "x"); status != 422 {
		t.Errorf("without a name: %d %v", status, answer)
	}
}

// broken is a body whose sender vanishes half way.
type broken struct{ io.Reader }

func (broken) Close() error { return nil }

func TestBrokenUploadLeavesItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release := w.create(gh.RepositoryRelease{TagName: gh.String("v1"), Draft: gh.Bool(true)})
	url := strings.TrimSuffix(release.GetUploadURL(), "{?name,label}") + "?name=a.txt"
	body := broken{io.MultiReader(strings.NewReader("half"), reset{})}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 8
	req.Header.Set("Authorization", "Bearer "+write)
	req.Header.Set("User-Agent", "test")
	if resp, err := w.RoundTrip(req); err == nil {
		resp.Body.Close()
		t.Fatalf("status %d for half a body", resp.StatusCode)
	}
	list, _, err := w.client(write).Repositories.ListReleaseAssets(t.Context(), owner, repo, release.GetID(), nil)
	if err != nil || len(list) != 1 || list[0].GetState() != "open" {
		t.Fatalf("assets %v, %v, want one that is open", list, err)
	}
	_, err = w.upload(release.GetID(), "a.txt", "content")
	wantError(t, err, http.StatusUnprocessableEntity, "name", "already_exists")
	if _, err := w.client(write).Repositories.DeleteReleaseAsset(t.Context(), owner, repo, list[0].GetID()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.upload(release.GetID(), "a.txt", "content"); err != nil {
		t.Error(err)
	}
}

type reset struct{}

func (reset) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestAssetIsRenamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release := w.create(gh.RepositoryRelease{TagName: gh.String("v1")})
	first, err := w.upload(release.GetID(), "a", "content")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.upload(release.GetID(), "b", "content"); err != nil {
		t.Fatal(err)
	}
	c := w.client(write).Repositories
	renamed, _, err := c.EditReleaseAsset(t.Context(), owner, repo, first.GetID(), &gh.ReleaseAsset{Name: gh.String("c"), Label: gh.String("See")})
	if err != nil || renamed.GetName() != "c" || renamed.GetLabel() != "See" {
		t.Errorf("renamed %v, %v", renamed, err)
	}
	_, _, err = c.EditReleaseAsset(t.Context(), owner, repo, first.GetID(), &gh.ReleaseAsset{Name: gh.String("b")})
	wantError(t, err, http.StatusUnprocessableEntity, "name", "already_exists")
}
