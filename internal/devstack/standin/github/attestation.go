package github

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/snappy"
)

// BundlesHost is where the bundles of attestations are kept.
const BundlesHost = "tmaproduction.blob.core.windows.net"

// attestation is a Sigstore bundle that was given to the repository.
type attestation struct {
	id            int64
	bundle        json.RawMessage
	digests       []string // of the statement's subjects, as "sha256:…"
	predicateType string
	key           string // of its address, which is signed
}

func (s *Server) routeAttestations(mux *http.ServeMux) {
	mux.HandleFunc("POST /repos/{owner}/{repo}/attestations", s.granted("attestations", s.locked(s.createAttestation)))
	mux.HandleFunc("GET /repos/{owner}/{repo}/attestations/{digest}", s.reader(s.listAttestations))
	mux.HandleFunc("GET /orgs/{org}/attestations/{digest}", func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.PathValue("org"), s.repo.owner) {
			notFound(w)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.listAttestations(w, r, caller{})
	})
}

// createAttestation keeps a bundle, of which it reads the statement. Whether
// the signature is any good it leaves to who reads it.
func (s *Server) createAttestation(w http.ResponseWriter, r *http.Request, _ caller) {
	var body struct {
		Bundle json.RawMessage `json:"bundle"`
	}
	if !decode(w, r, &body) {
		return
	}
	if len(body.Bundle) == 0 {
		fail(w, http.StatusUnprocessableEntity, "Invalid request.\n\n\"bundle\" wasn't supplied.")
		return
	}
	a := attestation{bundle: body.Bundle, key: s.key()}
	if err := a.read(); err != nil {
		fail(w, http.StatusUnprocessableEntity, "Invalid Argument - "+err.Error())
		return
	}
	a.id = s.id()
	s.repo.attestations = append(s.repo.attestations, a)
	send(w, http.StatusCreated, object{"id": a.id})
}

// read takes subjects and predicate type out of the bundle.
func (a *attestation) read() error {
	var bundle struct {
		Envelope struct {
			Payload []byte `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(a.bundle, &bundle); err != nil || len(bundle.Envelope.Payload) == 0 {
		return fmt.Errorf("invalid bundle: no DSSE envelope")
	}
	var statement struct {
		Subject []struct {
			Name   string
			Digest map[string]string
		}
		PredicateType string
	}
	if err := json.Unmarshal(bundle.Envelope.Payload, &statement); err != nil {
		return fmt.Errorf("invalid statement: %w", err)
	}
	a.predicateType = statement.PredicateType
	seen := map[string]bool{}
	for _, subject := range statement.Subject {
		digest := "sha256:" + subject.Digest["sha256"]
		if seen[subject.Name+digest] {
			return fmt.Errorf("invalid statement: a subject is there twice")
		}
		seen[subject.Name+digest] = true
		a.digests = append(a.digests, digest)
	}
	if n := len(a.digests); n == 0 || n > 1024 {
		return fmt.Errorf("invalid statement: %d statement subjects", n)
	}
	return nil
}

// listAttestations sends one page, newest first, or 404 where there are none,
// as GitHub does, though the description has no such answer.
func (s *Server) listAttestations(w http.ResponseWriter, r *http.Request, _ caller) {
	query := r.URL.Query()
	var found []attestation
	for _, a := range slices.Backward(s.repo.attestations) {
		if slices.Contains(a.digests, r.PathValue("digest")) && a.isOfType(query.Get("predicate_type")) {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		notFound(w)
		return
	}
	if after, err := strconv.ParseInt(query.Get("after"), 10, 64); err == nil {
		found = slices.DeleteFunc(found, func(a attestation) bool { return a.id >= after })
	}
	if size := min(positive(query.Get("per_page"), 30), 100); size < len(found) {
		found = found[:size]
		query.Set("after", strconv.FormatInt(found[size-1].id, 10))
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next"`, apiURL, r.URL.Path, query.Encode()))
	}
	list := []object{}
	for _, a := range found {
		o := object{"repository_id": repositoryID, "bundle_url": a.url(), "initiator": "user"}
		// A breaking change of this version leaves the bundle out.
		if r.Header.Get("X-GitHub-Api-Version") < "2026-03-10" {
			o["bundle"] = a.bundle
		}
		list = append(list, o)
	}
	send(w, http.StatusOK, object{"attestations": list})
}

// isOfType filters as the query's predicate_type does.
func (a attestation) isOfType(filter string) bool {
	switch filter {
	case "":
		return true
	case "provenance":
		return strings.HasPrefix(a.predicateType, "https://slsa.dev/provenance/")
	case "sbom":
		return strings.HasPrefix(a.predicateType, "https://spdx.dev/Document") || strings.HasPrefix(a.predicateType, "https://cyclonedx.org/bom")
	}
	return a.predicateType == filter
}

func (a attestation) path() string {
	return fmt.Sprintf("/attestations/%d/%d.json.sn", repositoryID, a.id)
}

func (a attestation) url() string {
	return "https://" + BundlesHost + a.path() + "?" + url.Values{"sig": {a.key}}.Encode()
}

// Bundles serves the bundles of attestations, compressed, at the addresses that
// a listing gives. As the storage that GitHub uses, it takes no credentials.
func (s *Server) Bundles() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			http.Error(w, "only one way of authorisation is allowed", http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, a := range s.repo.attestations {
			if a.path() == r.URL.Path && a.key == r.URL.Query().Get("sig") {
				w.Header().Set("Content-Type", "application/x-snappy")
				_, _ = w.Write(snappy.Encode(nil, a.bundle)) // a client that is gone is no concern of the server
				return
			}
		}
		http.Error(w, "not found", http.StatusNotFound)
	})
}
