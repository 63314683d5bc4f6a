// Package ql reads the query languages of the imitated services: Jira's JQL,
// Confluence's CQL, Salesforce's SOQL, Cassandra's CQL, Lucene's query strings as
// Elasticsearch takes them, Drive's search terms, and the words and qualifiers of
// GitHub, GitLab, Bitbucket, Slack and chat. They share a lexer, a tree of
// conditions, the matching and ranking of text, dates, and tokens for pages.
//
// A parser turns a client's text into a tree or refuses it with the error text of
// the service, and nothing else: it knows no company, and which fields, values and
// rows there are is the caller's business. Texts are hostile: their length, their
// tokens, their nesting and what matching costs are bounded.
//
// It is compiled into a guest, hence no fmt, no regexp and no floating point.
package ql

// Limits of a query that a client sends.
const (
	MaxText   = 8 << 10 // bytes that are looked at
	maxTokens = 1024
	maxNested = 64
	maxTerms  = 64 // words and phrases of one query
)

// Error is an error text in the words of the imitated service.
type Error string

// Error returns the text.
func (e Error) Error() string { return string(e) }
