package github

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// repositoryID and the ids of accounts are those of the OIDC issuer's claims.
const (
	repositoryID = 1296269
	ownerID      = 9919
	botID        = 41898282
	branch       = "main"
)

// repository is the state of the one repository.
type repository struct {
	owner, name string
	created     time.Time
	refs        map[string]gitObject // by full name, such as refs/tags/v1
	tagObjects  map[string]object    // annotated tags by SHA
	releases    []*release           // oldest first
	latest      *release             // the one that was marked as such
	usedTags    map[string]bool      // names used up by immutable releases
	// attestations of artifacts, oldest first
	attestations []attestation
	// codeScanning is whether it is on; analyses are oldest first
	codeScanning bool
	analyses     []analysis
	uploads      map[string]*upload
	snapshots    map[snapshotKey]snapshot
}

func newRepository(owner, name, commit string, now time.Time) *repository {
	return &repository{
		owner: owner, name: name, created: now,
		refs:       map[string]gitObject{"refs/heads/" + branch: {"commit", commit}},
		tagObjects: map[string]object{}, usedTags: map[string]bool{}, uploads: map[string]*upload{}, snapshots: map[snapshotKey]snapshot{},
	}
}

func (p *repository) fullName() string { return p.owner + "/" + p.name }

// api returns the URL of a path below the repository in the API.
func (p *repository) api(path string) string { return apiURL + "/repos/" + p.fullName() + path }

// web returns the URL of a path below the repository's page.
func (p *repository) web(path string) string { return webURL + "/" + p.fullName() + path }

func (s *Server) routeRepository(mux *http.ServeMux) {
	mux.HandleFunc("GET /repos/{owner}/{repo}", s.reader(func(w http.ResponseWriter, _ *http.Request, c caller) {
		send(w, http.StatusOK, s.repo.render(c))
	}))
}

// render returns the full-repository object.
func (p *repository) render(c caller) object {
	o := object{
		"id": repositoryID, "node_id": "R_kgDOABPHjQ", "name": p.name, "full_name": p.fullName(),
		"owner": user(p.owner, ownerID, "Organization"), "private": false, "visibility": "public", "fork": false,
		"url": p.api(""), "html_url": p.web(""), "clone_url": p.web(".git"), "svn_url": p.web(""),
		"git_url": "git://github.com/" + p.fullName() + ".git", "ssh_url": "git@github.com:" + p.fullName() + ".git",
		"description": "A greeting over HTTP", "homepage": nil, "language": "Go", "license": nil, "mirror_url": nil,
		"default_branch": branch, "archived": false, "disabled": false, "size": 1, "topics": []string{},
		"forks": 0, "forks_count": 0, "network_count": 0, "open_issues": 0, "open_issues_count": 0,
		"stargazers_count": 0, "subscribers_count": 0, "watchers": 0, "watchers_count": 0,
		"created_at": timestamp(p.created), "updated_at": timestamp(p.created), "pushed_at": timestamp(p.created),
		"permissions": object{"admin": false, "maintain": false, "push": c.write, "triage": false, "pull": true},
	}
	for _, feature := range []string{"issues", "projects", "wiki", "pages", "downloads", "discussions"} {
		o["has_"+feature] = false
	}
	// The templates of the URLs below the repository.
	for field, path := range map[string]string{
		"archive": "/{archive_format}{/ref}", "assignees": "/assignees{/user}", "blobs": "/git/blobs{/sha}",
		"branches": "/branches{/branch}", "collaborators": "/collaborators{/collaborator}", "comments": "/comments{/number}",
		"commits": "/commits{/sha}", "compare": "/compare/{base}...{head}", "contents": "/contents/{+path}",
		"contributors": "/contributors", "deployments": "/deployments", "downloads": "/downloads", "events": "/events",
		"forks": "/forks", "git_commits": "/git/commits{/sha}", "git_refs": "/git/refs{/sha}", "git_tags": "/git/tags{/sha}",
		"hooks": "/hooks", "issue_comment": "/issues/comments{/number}", "issue_events": "/issues/events{/number}",
		"issues": "/issues{/number}", "keys": "/keys{/key_id}", "labels": "/labels{/name}", "languages": "/languages",
		"merges": "/merges", "milestones": "/milestones{/number}",
		"notifications": "/notifications{?since,all,participating}", "pulls": "/pulls{/number}",
		"releases": "/releases{/id}", "stargazers": "/stargazers", "statuses": "/statuses/{sha}",
		"subscribers": "/subscribers", "subscription": "/subscription", "tags": "/tags", "teams": "/teams",
		"trees": "/git/trees{/sha}",
	} {
		o[field+"_url"] = p.api(path)
	}
	return o
}

// bot is the account that GITHUB_TOKEN acts as.
func bot() object { return user("github-actions[bot]", botID, "Bot") }

// user returns a simple-user object.
func user(login string, id int64, kind string) object {
	api := apiURL + "/users/" + url.PathEscape(login)
	html := webURL + "/" + login
	if kind == "Bot" {
		html = webURL + "/apps/" + strings.TrimSuffix(login, "[bot]")
	}
	return object{
		"login": login, "id": id, "node_id": nodeID("U", id), "type": kind, "site_admin": false, "user_view_type": "public",
		"avatar_url": "https://avatars.githubusercontent.com/u/0", "gravatar_id": "", "url": api, "html_url": html,
		"followers_url": api + "/followers", "following_url": api + "/following{/other_user}",
		"gists_url": api + "/gists{/gist_id}", "starred_url": api + "/starred{/owner}{/repo}",
		"subscriptions_url": api + "/subscriptions", "organizations_url": api + "/orgs", "repos_url": api + "/repos",
		"events_url": api + "/events{/privacy}", "received_events_url": api + "/received_events",
	}
}
