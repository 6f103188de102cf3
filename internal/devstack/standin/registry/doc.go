// Package registry holds the two registries of the local world.
//
// [Hub] is docker.io as clients see it: an in-memory registry with the OCI
// Referrers API, behind bearer tokens of its own token server. Through the
// registry API it deletes manifests that nothing refers to, and no tags. [GHCR] is ghcr.io: basic authentication in
// front of a plain distribution registry, which has no Referrers API.
//
// The protocol is the OCI distribution specification 1.1,
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md.
package registry
