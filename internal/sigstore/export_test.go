package sigstore

import "maps"

// WithRoot returns options with another TUF root for an operator's repository,
// whose keys a test has.
func (o Options) WithRoot(operator Operator, root []byte) Options {
	r := repositories[operator]
	r.root = root
	all := maps.Clone(o.repositories)
	if all == nil {
		all = map[Operator]repository{}
	}
	all[operator] = r
	o.repositories = all
	return o
}
