package registry

import (
	"crypto/subtle"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/secret"
)

// Access is what an account's token may do, in the order of Docker Hub's
// scopes: each includes the one before.
type Access int

// The scopes of a personal access token.
const (
	ReadOnly  Access = iota // repo:read
	ReadWrite               // repo:write
	Admin                   // repo:admin: also descriptions and deletions
)

// Account is one name and token that Docker Hub knows. Several accounts may
// have the same user, with tokens of different access.
type Account struct {
	User  string
	Token secret.String
	// Access is the scope of the token.
	Access Access
	// Namespaces are those the account may write to besides its user's own.
	Namespaces []string
	// Organization marks an organisation access token: Docker Hub's API takes
	// it on the namespaces endpoints only.
	Organization bool
}

// Owns reports whether the account may write to the repository, so far as its
// Access goes. Docker Hub's repositories are namespace/name, never deeper.
func (a *Account) Owns(repo string) bool {
	namespace, name, ok := strings.Cut(repo, "/")
	return a != nil && ok && !strings.Contains(name, "/") &&
		(namespace == a.User || slices.Contains(a.Namespaces, namespace))
}

// Accounts are all accounts of Docker Hub.
type Accounts []Account

// Find returns the account with this user and token.
func (as Accounts) Find(user, token string) (*Account, bool) {
	for i := range as {
		if as[i].User == user && equal(as[i].Token.Reveal(), token) {
			return &as[i], true
		}
	}
	return nil, false
}

func equal(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
