package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// Handler serves the controller as JSON, for a control socket: GET, POST and
// DELETE on /faults list the rules, add one or an array of them, and remove
// all; GET and DELETE on /requests return and empty the log.
func (c *Controller) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { reply(w, c.Rules()) })
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		c.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		rules, err := decodeRules(r)
		if err == nil {
			err = c.Add(rules...)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		reply(w, c.Rules())
	})
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) { reply(w, c.Requests()) })
	mux.HandleFunc("DELETE /requests", func(w http.ResponseWriter, _ *http.Request) {
		c.ClearRequests()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// decodeRules reads one rule or an array of rules.
func decodeRules(r *http.Request) ([]Rule, error) {
	var raw json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&raw); err != nil {
		return nil, fmt.Errorf("fault rule: %w", err)
	}
	if len(raw) > 0 && raw[0] == '[' {
		var rules []Rule
		err := strict(raw, &rules)
		return rules, err
	}
	var rule Rule
	err := strict(raw, &rule)
	return []Rule{rule}, err
}

func strict(raw json.RawMessage, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields() // a misspelt condition would match everything
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("fault rule: %w", err)
	}
	return nil
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that is gone is no concern of the server
}
