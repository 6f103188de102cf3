package github

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// page sends one page of all, and the Link header.
func page(w http.ResponseWriter, r *http.Request, all []object) {
	pageOf(w, r, len(all), func(from, to int) []object { return all[from:to] })
}

// pageOf sends one page of count objects, and the Link header.
// https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
func pageOf(w http.ResponseWriter, r *http.Request, count int, objects func(from, to int) []object) {
	size := positive(r.URL.Query().Get("per_page"), 30)
	size = min(size, 100)
	number := positive(r.URL.Query().Get("page"), 1)
	last := max((count+size-1)/size, 1)

	var links []string
	link := func(number int, rel string) {
		query := r.URL.Query()
		query.Set("page", strconv.Itoa(number))
		links = append(links, fmt.Sprintf(`<%s%s?%s>; rel=%q`, apiURL, r.URL.Path, query.Encode(), rel))
	}
	if number > 1 {
		link(min(number-1, last), "prev")
	}
	if number < last {
		link(number+1, "next")
		link(last, "last")
	}
	if number > 1 {
		link(1, "first")
	}
	if len(links) > 0 {
		w.Header().Set("Link", strings.Join(links, ", "))
	}
	from := min((number-1)*size, count)
	send(w, http.StatusOK, objects(from, min(from+size, count)))
}

// positive parses a positive number and falls back for anything else.
func positive(s string, fallback int) int {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return n
	}
	return fallback
}
