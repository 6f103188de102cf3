package releasenotes_test

import (
	"net/http"
	"strings"
	"time"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/steps/releasenotes"
)

// scene is a repository, and a run that releases in it.
type scene struct {
	options github.Options
	// set makes what is there before the run, and returns what the run is to do.
	set func(w *world) releasenotes.Config
	// least is the least number of calls that does it, and more how many are made
	// beyond that: one at most. again is how many a run makes that finds it done.
	least, more, again int
}

// A new release takes: the tag, the list, which has the drafts, the draft, a look
// for another run's draft, the uploads, the tag once more, the publication. The
// search by tag is one more: it spares the list where a release is published.
func scenes() map[string]scene {
	draft := func(w *world) {
		w.api(http.MethodPost, "/releases", map[string]any{"tag_name": tag, "draft": true, "body": "By hand."}, nil)
	}
	// published leaves a release with the two files of an earlier run.
	published := func(w *world) releasenotes.Config {
		cfg := w.config()
		w.mustRun(cfg)
		return cfg
	}
	return map[string]scene{
		"a new release": {set: (*world).config, least: 8, more: 1, again: 2},
		"one with an image": {least: 13, more: 1, again: 7, set: func(w *world) releasenotes.Config {
			cfg := w.config()
			cfg.Images = w.push()
			return cfg
		}},
		"an immutable one": {options: github.Options{ImmutableReleases: true}, set: (*world).config, least: 8, more: 1, again: 2},
		"one with checksums": {least: 9, more: 1, again: 2, set: func(w *world) releasenotes.Config {
			cfg := w.config()
			cfg.Checksums = true
			return cfg
		}},
		"an annotated tag": {least: 9, more: 1, again: 3, set: func(w *world) releasenotes.Config {
			var object struct{ SHA string }
			w.api(http.MethodPost, "/git/tags", map[string]any{"tag": tag, "message": "m", "object": commit, "type": "commit"}, &object)
			w.api(http.MethodPatch, "/git/refs/tags/"+tag, map[string]any{"sha": object.SHA, "force": true}, nil)
			return w.config()
		}},
		"a tag that is made with it": {least: 8, more: 1, again: 2, set: func(w *world) releasenotes.Config {
			w.api(http.MethodDelete, "/git/refs/tags/"+tag, nil, nil)
			cfg := w.config()
			cfg.Commitish = commit
			return cfg
		}},
		"generated notes": {least: 9, more: 1, again: 2, set: func(w *world) releasenotes.Config {
			cfg := w.config()
			cfg.Generate = true
			return cfg
		}},
		"a text that is cut": {least: 9, more: 1, again: 2, set: func(w *world) releasenotes.Config {
			cfg := w.config()
			cfg.Body = strings.Repeat(strings.Repeat("word ", 250)+"\n\n", 101)
			return cfg
		}},
		"a draft that is there": {least: 5, more: 1, again: 2, set: func(w *world) releasenotes.Config {
			draft(w)
			w.upload(w.only().ID, "one.txt", "one", "text/plain")
			return w.config()
		}},
		"two drafts": {least: 6, more: 1, again: 2, set: func(w *world) releasenotes.Config {
			draft(w)
			draft(w)
			return w.config()
		}},
		"an upload that broke off": {least: 7, more: 1, again: 2, set: func(w *world) releasenotes.Config {
			draft(w)
			w.breakUpload(w.only().ID, "one.txt", "one")
			time.Sleep(time.Hour)
			return w.config()
		}},
		"replaced files": {least: 8, again: 2, set: func(w *world) releasenotes.Config {
			cfg := published(w)
			w.file("one.txt", "ONE")
			w.file("two.json", "[]")
			return cfg
		}},
		"another file": {least: 3, again: 2, set: func(w *world) releasenotes.Config {
			cfg := published(w)
			cfg.Files = append(cfg.Files, w.file("three", "3"))
			return cfg
		}},
		"a replacement that was interrupted": {least: 3, again: 2, set: func(w *world) releasenotes.Config {
			cfg := published(w)
			for _, a := range w.only().Assets {
				if a.Name == "one.txt" {
					w.api(http.MethodPatch, "/releases/assets/"+id(a.ID), map[string]string{"name": "one.txt.next"}, nil)
				}
			}
			return cfg
		}},
		"another text": {least: 3, again: 2, set: func(w *world) releasenotes.Config {
			cfg := published(w)
			cfg.Body = "Text."
			return cfg
		}},
		"an appended text": {least: 3, again: 2, set: func(w *world) releasenotes.Config {
			cfg := w.config()
			cfg.Body = "By hand."
			w.mustRun(cfg)
			cfg.Body, cfg.AppendBody = "Text.", true
			return cfg
		}},
		"appended notes": {least: 4, again: 3, set: func(w *world) releasenotes.Config {
			cfg := w.config()
			cfg.Body = "By hand."
			w.mustRun(cfg)
			cfg.Body, cfg.AppendBody, cfg.Generate = "", true, true
			return cfg
		}},
		// It would take one call less to make it the latest again and again.
		"the latest": {least: 3, more: 1, again: 3, set: func(w *world) releasenotes.Config {
			cfg := published(w)
			w.api(http.MethodPost, "/releases", map[string]any{"tag_name": "v2.0.0"}, nil)
			cfg.MakeLatest = "true"
			return cfg
		}},
	}
}

// breakUpload leaves an asset whose upload was never completed.
func (w *world) breakUpload(release int64, name, content string) {
	w.t.Helper()
	if err := w.faults.Add(fault.Rule{Cut: true, Count: 1}); err != nil {
		w.t.Fatal(err)
	}
	resp, err := w.send(release, name, content, "text/plain")
	if err == nil {
		resp.Body.Close()
		w.t.Fatalf("the upload of %s is answered: %s", name, resp.Status)
	}
	w.requests = nil
}
