package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// sarif is the report as code scanning takes it: a result for every check that
// is not verified, none where all is well.
//
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type sarif struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
}

type sarifTool struct {
	Driver struct {
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	} `json:"driver"`
}

type sarifRule struct {
	ID          string    `json:"id"`
	Description sarifText `json:"shortDescription"`
}

type sarifInvocation struct {
	Successful bool `json:"executionSuccessful"`
}

type sarifResult struct {
	Rule         string            `json:"ruleId"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region struct {
			Line int `json:"startLine"`
		} `json:"region"`
	} `json:"physicalLocation"`
	Logical []sarifName `json:"logicalLocations"`
}

type sarifName struct {
	Name string `json:"fullyQualifiedName"`
}

func newSARIF(r Report) sarif {
	run := sarifRun{Invocations: []sarifInvocation{{Successful: r.Verdict != Undecided}}, Results: []sarifResult{}}
	run.Tool.Driver.Name = "release-actions verify"
	run.Tool.Driver.Rules = []sarifRule{}
	rules := map[string]bool{}
	for _, c := range r.Checks {
		id := strings.ReplaceAll(strings.ToLower(c.Claim), " ", "-")
		if !rules[id] {
			rules[id] = true
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{id, sarifText{"The claim of the image: " + c.Claim}})
		}
		if c.Verdict != Verified {
			run.Results = append(run.Results, newSARIFResult(id, c))
		}
	}
	return sarif{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}}
}

func newSARIFResult(rule string, c Check) sarifResult {
	result := sarifResult{Rule: rule, Level: "error", Message: sarifText{ErrRefused.Error() + ": " + c.String()}}
	if c.Verdict == Undecided {
		result.Level, result.Message.Text = "warning", ErrUndecided.Error()+": "+c.String()
	}
	// Code scanning wants a file: the repository's path stands for one, as in
	// other scanners of images. A host with a port would be no relative URI.
	name := c.Image
	path, _, _ := strings.Cut(name, "@")
	if _, rest, ok := strings.Cut(path, "/"); ok {
		path, _, _ = strings.Cut(rest, ":")
	}
	if path == "" { // what is about all names
		name, path = "image", "image"
	}
	var at sarifLocation
	at.Physical.Artifact.URI, at.Physical.Region.Line = path, 1
	at.Logical = []sarifName{{strings.Join(strings.Fields(name+" "+c.Of+" "+string(c.Digest)), " ")}}
	result.Locations = []sarifLocation{at}
	// The same claim about the same name is the same result, whatever the digest.
	sum := sha256.Sum256([]byte(strings.Join([]string{name, c.Of, c.Claim}, "\x00")))
	result.Fingerprints = map[string]string{"claim/v1": hex.EncodeToString(sum[:])}
	return result
}
