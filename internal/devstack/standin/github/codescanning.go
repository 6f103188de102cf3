package github

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// What code scanning takes of a SARIF file.
//
// https://docs.github.com/code-security/code-scanning/troubleshooting-sarif-uploads/results-exceed-limit
const (
	maxSARIF        = 10 << 20 // bytes, compressed
	maxSARIFRuns    = 20
	maxSARIFResults = 25_000 // of a run
)

// analysis is one run of an uploaded SARIF file.
type analysis struct {
	ref, commit, category, tool, version string
	results, rules                       int
	id                                   int64
	upload                               string
}

// upload is a SARIF file that was uploaded, and why it can't be processed.
type upload struct {
	errors []string
	asked  bool // the first question comes too early
}

// routeCodeScanning registers https://docs.github.com/rest/code-scanning/code-scanning.
func (s *Server) routeCodeScanning(mux *http.ServeMux) {
	const base = "/repos/{owner}/{repo}/code-scanning"
	mux.HandleFunc("POST "+base+"/sarifs", s.granted("security-events", s.locked(s.uploadSARIF)))
	mux.HandleFunc("GET "+base+"/sarifs/{id}", s.granted("security-events", s.locked(s.getUpload)))
	mux.HandleFunc("GET "+base+"/analyses", s.granted("security-events", s.locked(s.listAnalyses)))
}

var codeRef = regexp.MustCompile(`^refs/(heads/.+|tags/.+|pull/\d+/(merge|head))$`)

func (s *Server) uploadSARIF(w http.ResponseWriter, r *http.Request, _ caller) {
	var in struct {
		Commit string `json:"commit_sha"`
		Ref    string
		SARIF  string
	}
	if !s.repo.codeScanning {
		fail(w, http.StatusForbidden, "Code Security must be enabled for this repository to use code scanning.")
		return
	}
	if !decode(w, r, &in) {
		return
	}
	compressed, err := base64.StdEncoding.DecodeString(in.SARIF)
	switch {
	case !shaPattern.MatchString(in.Commit):
		fail(w, http.StatusUnprocessableEntity, "Invalid request.\n\n\"commit_sha\" is no commit.")
		return
	case !codeRef.MatchString(in.Ref):
		fail(w, http.StatusUnprocessableEntity, "Invalid request.\n\nref must be a fully qualified reference.")
		return
	case len(compressed) > maxSARIF:
		fail(w, http.StatusRequestEntityTooLarge, "Payload Too Large")
		return
	}
	text, readErr := unzip(compressed)
	if err != nil || readErr != nil {
		fail(w, http.StatusBadRequest, "Invalid SARIF. The file must be compressed by gzip, and encoded by base64.")
		return
	}
	id := fmt.Sprintf("%08x-0000-11ee-8000-000000000000", s.id())
	analyses, problems := process(text)
	for _, a := range analyses {
		a.ref, a.commit, a.upload, a.id = in.Ref, in.Commit, id, s.id()
		if len(problems) == 0 {
			s.repo.analyses = append(s.repo.analyses, a)
		}
	}
	s.repo.uploads[id] = &upload{errors: problems}
	send(w, http.StatusAccepted, object{"id": id, "url": s.repo.api("/code-scanning/sarifs/" + id)})
}

func unzip(compressed []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// process reads a file as code scanning does, and says what it can't take.
func process(text []byte) (analyses []analysis, problems []string) {
	const refused = "Code Scanning could not process the submitted SARIF file:\n"
	var file struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name, Version string
					Rules         []struct{ ID string }
				}
			}
			AutomationDetails struct{ ID string }
			Results           []struct {
				RuleID    string
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation *struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, []string{refused + "invalid JSON"}
	}
	if file.Version != "2.1.0" {
		problems = append(problems, refused+"unsupported SARIF version "+file.Version)
	}
	if len(file.Runs) > maxSARIFRuns {
		problems = append(problems, fmt.Sprintf("%srejecting SARIF, as there are more runs than allowed (%d > %d)", refused, len(file.Runs), maxSARIFRuns))
	}
	for _, run := range file.Runs {
		driver := run.Tool.Driver
		category := run.AutomationDetails.ID[:strings.LastIndexByte(run.AutomationDetails.ID, '/')+1]
		if driver.Name == "" {
			problems = append(problems, refused+"a run without a tool")
		}
		// https://github.blog/changelog/2025-07-21-code-scanning-will-stop-combining-multiple-sarif-runs-uploaded-in-the-same-sarif-file/
		if slices.ContainsFunc(analyses, func(a analysis) bool { return a.category == category && a.tool == driver.Name }) {
			problems = append(problems, refused+"multiple runs of one tool and category")
		}
		if len(run.Results) > maxSARIFResults {
			problems = append(problems, fmt.Sprintf("%srejecting SARIF, as there are more results per run than allowed (%d > %d)", refused, len(run.Results), maxSARIFResults))
		}
		for _, result := range run.Results {
			if len(result.Locations) == 0 || result.Locations[0].PhysicalLocation == nil {
				problems = append(problems, refused+"locationFromSarifResult: expected a physical location")
				break
			}
			uri := result.Locations[0].PhysicalLocation.ArtifactLocation.URI
			if uri == "" || strings.HasPrefix(uri, "/") || strings.Contains(uri, "://") || result.Message.Text == "" {
				problems = append(problems, refused+"locationFromSarifResult: expected artifact location, got "+uri)
				break
			}
		}
		analyses = append(analyses, analysis{category: category, tool: driver.Name, version: driver.Version, results: len(run.Results), rules: len(driver.Rules)})
	}
	return analyses, problems
}

func (s *Server) getUpload(w http.ResponseWriter, r *http.Request, _ caller) {
	u := s.repo.uploads[r.PathValue("id")]
	switch {
	case u == nil:
		notFound(w)
	case !u.asked:
		u.asked = true
		send(w, http.StatusOK, object{"processing_status": "pending"})
	case len(u.errors) > 0:
		send(w, http.StatusOK, object{"processing_status": "failed", "analyses_url": nil, "errors": u.errors})
	default:
		send(w, http.StatusOK, object{
			"processing_status": "complete", "analyses_url": s.repo.api("/code-scanning/analyses?sarif_id=" + r.PathValue("id")), "errors": nil,
		})
	}
}

func (s *Server) listAnalyses(w http.ResponseWriter, r *http.Request, _ caller) {
	found := []object{}
	query := r.URL.Query()
	for _, a := range slices.Backward(s.repo.analyses) {
		if ref := query.Get("ref"); ref != "" && ref != a.ref {
			continue
		}
		found = append(found, object{
			"ref": a.ref, "commit_sha": a.commit, "analysis_key": "release", "environment": "", "category": strings.TrimSuffix(a.category, "/"),
			"error": "", "created_at": timestamp(s.now()), "results_count": a.results, "rules_count": a.rules, "id": a.id,
			"url": s.repo.api(fmt.Sprintf("/code-scanning/analyses/%d", a.id)), "sarif_id": a.upload,
			"tool": object{"name": a.tool, "guid": nil, "version": a.version}, "deletable": true, "warning": "",
		})
	}
	page(w, r, found)
}
