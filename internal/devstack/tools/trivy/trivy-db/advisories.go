package main

import "github.com/aquasecurity/trivy-db/pkg/types"

// origin is a part of the database: its bucket, as trivy-db names it.
type origin struct {
	bucket string
	id     types.SourceID
	ranges bool // versions are ranges, not only the fixed one
}

var (
	debian = origin{"debian 12", "debian", false}
	alpine = origin{"alpine 3.20", "alpine", false}
	npm    = origin{"npm::test data", "ghsa", true}
	pip    = origin{"pip::test data", "ghsa", true}
	golang = origin{"go::test data", "ghsa", true}
)

// advisory tells of a package: of its source package, for those of an
// operating system. Without a fixed version, there is no fix.
type advisory struct {
	from     origin
	pkg      string
	fixed    string
	severity types.Severity
	title    string
}

// advisories get their IDs in this order: add at the end.
var advisories = []advisory{
	// Of examples/hello.
	{golang, "golang.org/x/sys", "0.30.0", types.SeverityMedium, "takes a system call for another"},
	{golang, "github.com/mattn/go-isatty", "", types.SeverityLow, "takes a pipe for a terminal"},
	// What tests plant.
	{npm, "lodash", "4.17.21", types.SeverityCritical, "evaluates what it is to print"},
	{npm, "@babel/traverse", "7.23.2", types.SeverityHigh, "runs what it is to traverse"},
	{npm, "minimist", "", types.SeverityMedium, "takes options for properties"},
	{pip, "pyyaml", "5.4", types.SeverityHigh, "loads what it is to parse"},
	{debian, "openssl", "3.0.99-1~deb12u1", types.SeverityCritical, "believes any certificate"},
	{debian, "glibc", "", types.SeverityLow, "counts in the wrong direction"},
	{debian, "bash", "5.2.15-2+b1", types.SeverityHigh, "expands twice"},
	{debian, "zlib", "1:1.2.14.dfsg-1", types.SeverityMedium, "inflates for ever"},
	{debian, "shadow", "1:4.13+dfsg1-1+deb12u9", types.SeverityUnknown, "forgets who somebody was"},
	{debian, "gcc-12", "12.2.0-99", types.SeverityLow, "rounds up"},
	{debian, "tar", "1.34+dfsg-1.1", types.SeverityHigh, "is older than every image: nothing has it"},
	{alpine, "openssl", "3.3.9-r0", types.SeverityHigh, "believes any certificate"},
	{alpine, "busybox", "1.36.1-r99", types.SeverityMedium, "is another program than its name says"},
	{alpine, "musl", "1.2.5-r0", types.SeverityHigh, "is older than every image: nothing has it"},
	{golang, "stdlib", "99.0.0", types.SeverityLow, "has had a birthday since"},
}
