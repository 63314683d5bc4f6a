package world

// The tables below are this package's own. A world uses a part of each, see
// makeWords: two companies do not write alike.

var symptoms = []string{
	"returns 500", "times out", "loses the last page", "shows stale totals", "retries without backoff", "drops the trace header",
	"duplicates entries", "ignores the locale", "logs the full payload", "leaks connections", "rejects valid postcodes", "rounds amounts twice",
	"deadlocks", "serves an expired certificate", "misreports latency", "keeps sessions after logout", "fails health checks", "sorts by the wrong column",
	"answers 404 for new records", "sends the mail twice", "skips the first row", "truncates long names", "mixes up time zones", "swallows the error",
	"holds the lock too long", "returns an empty list", "caches a redirect", "double counts refunds", "shows the old price", "stops consuming",
	"crashes on start", "accepts negative quantities", "loses the filter on reload", "uses twice the memory", "overwrites newer data",
	"hides the save button", "reports success too early", "breaks on umlauts", "forgets the page size", "refuses the new key", "shows the wrong owner",
	"spins at full CPU", "misses the last event", "writes to the wrong region", "needs two clicks", "flaps between versions", "opens too many files",
	"sends an empty attachment", "prints the month in English", "answers with the wrong content type", "breaks pagination", "ignores the deadline",
	"loses precision", "resets the counter", "keeps deleted items in the index", "asks for the password again", "drops the connection",
	"renders a blank page", "calculates the wrong due date", "fails quietly",
}

var conditions = []string{
	"when the queue is full", "after failover", "for accounts without a billing address", "on large exports", "when two updates race",
	"behind the new proxy", "after the nightly restart", "for users with two roles", "when the cache is cold", "under month-end load",
	"with an empty filter", "on retried requests", "for archived records", "when the upstream is slow", "after a schema change", "on the second attempt",
	"since the last release", "in the second region", "for trial accounts", "when the clock changes", "on mobile", "with more than one currency",
	"for imported customers", "on the first of the month", "when a field is missing", "after a password change", "with the new client",
	"if the token expires meanwhile", "on slow networks", "for very long comments", "when the file has a byte order mark", "behind SSO",
	"for partial deliveries", "after an aborted upload", "while reindexing", "in dark mode", "for read-only users", "with the beta flag on",
	"when the batch is larger than a page", "on leap days", "after scaling down", "for the oldest tenants", "with HTTP/2", "when retries overlap",
	"after midnight UTC", "for shared mailboxes", "on Safari", "when the disk is nearly full",
}

var features = []string{
	"Add rate limits per client", "Support bulk import", "Rotate service credentials automatically", "Expose queue depth as a metric",
	"Add audit trail for role changes", "Paginate the list endpoint", "Accept signed webhooks", "Add dry-run to the importer",
	"Show last sync time", "Allow CSV export", "Add retry budget", "Introduce idempotency keys", "Add regional failover", "Support custom fields",
	"Add soft delete", "Cache permission checks", "Send digest mails", "Validate bank details", "Add search by reference", "Track consent changes",
	"Let admins resend invitations", "Support partial refunds", "Add per-tenant limits", "Show who changed a record", "Allow comments on entries",
	"Offer a sandbox tenant", "Support SCIM provisioning", "Add keyboard shortcuts", "Stream large results", "Add a status page feed",
	"Support a second approver", "Keep drafts for 30 days", "Group notifications by customer", "Add an undo for bulk edits", "Show upcoming maintenance",
	"Export to the warehouse hourly", "Support webhooks for status changes", "Add a health summary", "Allow scheduled reports", "Detect duplicates on entry",
	"Add tags and saved views", "Support regional number formats", "Let users pick their time zone", "Add a read-only API key", "Compress old payloads",
	"Warn before a limit is reached", "Add a preview step", "Support attachments up to 50 MB", "Sign outgoing requests", "Add a queue for failed items",
	"Show the reason for a rejection", "Support merging of records", "Allow a grace period", "Add a usage page", "Remember the last filter",
	"Publish change events", "Support delegated access", "Add two-step removal", "Expose build info", "Make the retention configurable",
}

var chores = []string{
	"Upgrade base image", "Move secrets to the vault", "Remove the legacy endpoint", "Split the deploy pipeline", "Raise test coverage of billing paths",
	"Delete unused feature flags", "Document the restore procedure", "Tune connection pool", "Replace the deprecated client", "Add alerts for replication lag",
	"Review access of service accounts", "Archive old partitions", "Migrate cron jobs to the scheduler", "Enable structured logs", "Pin build dependencies",
	"Rehearse the failover runbook", "Shrink the container image", "Move to the shared retry helper", "Clean up the error codes", "Turn on slow query log",
	"Drop the unused index", "Write contract tests", "Update the threat model", "Rename the internal queue", "Retire the old dashboard",
	"Renew the signing key", "Add ownership to alerts", "Check backups of the replica", "Move configuration out of code", "Bring the runbook up to date",
	"Measure cold start", "Remove the vendored fork", "Set memory limits", "Cut log volume in half", "Close unused firewall rules",
	"Split the largest table", "Agree on error budgets", "Switch to trunk-based releases", "Test restore on the spare host", "Sort out flaky end-to-end tests",
	"Upgrade the database driver", "Add dead letter handling", "Move dashboards into the repository", "Check licences of dependencies", "Rotate the deploy key",
	"Run the load test again", "Lower the alert noise", "Prepare the audit evidence", "Document the event schema", "Put timeouts on all calls",
}

// faultDetails go with bugs, workDetails with everything else.
var faultDetails = []string{
	"Seen by support twice this week.", "Found while on call.", "There is a workaround, but it needs manual steps.",
	"Metrics show it about 40 times a day.", "Noticed in the weekly error review.", "Only a handful of tenants are affected.",
	"Probably older than it looks.", "It has come up in three incidents by now.", "Happens on both clusters.", "Reproduced on staging.",
	"Could not reproduce it locally.", "The dashboards hide it, since they show averages.", "The old behaviour was never documented.",
	"The vendor confirmed it on their side.", "It fails about one time in fifty.", "Finance found it in the reconciliation.", "Mostly cosmetic.",
	"Easy to test, hard to see in production.", "Logs are attached to the chat thread.", "Took an hour to find last night.",
	"Should go away with the new client.", "See the thread in our channel.", "Started after the last release, as far as the logs reach.",
	"Nobody noticed until a customer asked.", "The retry hides it most of the time.", "A restart helps for a day or two.",
}

var workDetails = []string{
	"Customer success asked for this before the next review.", "Blocks the rollout to the second region.", "Came out of the last retrospective.",
	"Agreed with the product owner.", "The runbook needs an update once this is in.", "We promised this for the renewal.",
	"Not urgent, but it costs us time every week.", "Splitting this off from a larger ticket.", "Security would like to see this closed this quarter.",
	"A small change, mostly tests.", "The design is on the wiki.", "Needs a migration, so no Friday deploy.",
	"We should measure before we change anything.", "Two customers depend on the old behaviour.", "Left over from the migration.",
	"Raised by the auditor.", "Behind a flag until the release.", "Needs a word with the data team first.", "Has been on the list for two quarters.",
	"First half is done, this is the rest.", "The estimate is from last year, please check it.", "Several teams wait for this.",
	"Good one for somebody new.", "Came up in three interviews with customers.", "Would have saved us the last incident.",
}

var asks = []string{
	"Done when the error rate stays flat for a week.", "Please add a regression test.", "Keep the old field for one release.", "No change to the public API.",
	"A note for the release page, please.", "Roll out to staging first.", "Two days at most, otherwise let us talk.", "Ask the owner before touching the schema.",
	"Include a metric, so that we see it next time.", "Behind a flag, off by default.", "Tell support when it is out.", "Update the runbook as well.",
	"Must be out before the freeze.", "Nice to have.", "Backport to the last minor.", "Check with the other consumers.", "Keep it boring.",
	"No downtime, please.", "Somebody should pair on this.", "Estimate it in refinement.", "Start with the logs of the last incident.", "Close it if it does not come back.",
	"Measure before and after.", "Needs two reviewers.",
}

var issueLabels = []string{
	"tech-debt", "customer", "security", "performance", "observability", "compliance", "quick-win", "regression", "infra", "api",
	"on-call", "ux", "data", "release-blocker", "docs", "cost", "reliability", "migration",
}

var upkeep = []string{
	"Bump dependencies", "Fix flaky test", "Clean up unused imports", "Update CODEOWNERS", "Refresh lock file", "Tidy configuration defaults",
	"Shorten build by caching modules", "Reword log messages", "Correct typos in README", "Move constants next to their use",
	"Raise timeout of integration tests", "Drop support for the old config file", "Make error messages consistent", "Sort imports",
	"Replace deprecated calls", "Split the long handler", "Ignore editor files", "Log the build version at start", "Add missing metrics labels",
	"Rename internal package", "Use the shared retry helper", "Remove dead branch in parser", "Pin linter version", "Trim the container image",
	"Return early on empty input", "Lower log level of expected errors", "Group related settings", "Quote variables in scripts",
	"Revert the retry change", "Bump base image for the CVE", "Fix the Makefile on arm", "Run tests in parallel", "Add a smoke test", "Document the ports",
	"Remove commented-out code", "Use context in all calls", "Fix shadowed variable", "Update the chart version", "Speed up the fixture setup",
	"Close response bodies", "Avoid a copy in the hot path", "Extract the validation", "Make the linter happy", "Bump CI agents", "Fix link in handbook",
	"Handle nil config", "Use UTC in tests", "Drop unused column from the query", "Add index hints to the docs", "Prefer the new client",
	"Retry on connection reset", "Clamp page size", "Guard against empty batch", "Rename flag before release", "Escape the file name",
	"Set user agent", "Make the job idempotent", "Wait for readiness in tests", "Skip drafts in export", "Fold two queries into one",
}

var remarks = []string{
	"Can we keep the old name until the next release? The client still reads it.", "This runs inside the transaction, please move the call out.",
	"Nice, much easier to follow now.", "What happens when the list is empty?", "We have a helper for this in the shared package.",
	"Please add a test for the timeout path.", "The default was 30 seconds before, is the change intended?", "I would log the request id here.",
	"Looks good, one nit: wrap the error with the account id.", "Should this be behind the flag?", "Let's not retry on 4xx.",
	"Does the migration lock the table? It has a few million rows.", "Agreed, done in the last push.", "Could you link the dashboard in the description?",
	"Rebased, CI is green again.", "The index on created_at should cover this.", "Why not return early here?", "Is this the only caller?",
	"Naming: 'count' is a length in bytes, isn't it?", "I would rather see two small functions.", "This allocates on every request.", "+1, ship it.",
	"Does staging have this setting yet?", "Let us talk about it in the next sync, not a blocker.", "Please do not log the address.", "Typo in the comment.",
	"Works for me locally, thanks.", "We hit this in the last incident, good that it goes.", "What is the rollback plan?", "Can this be null for old tenants?",
	"I think the order matters, see the comment above.", "Fine with me after the rename.", "How long does it take on the big tenant?", "Could be a constant.",
	"Moved to a helper as suggested.", "Left as is on purpose, the API wants it like that.", "Good point, fixed.", "Will do in a follow-up.",
	"Not sure about the cache key, two users may share it.", "The test passes without the change, too.",
}

// topic is what people write about when it is not work on something that has a
// number. In phrases %p is a colleague, %d a day, %h a time of day, %n a number,
// %r a repository, %m a meeting room, %s a service, %a a customer and %t the name
// of the team.
type topic struct {
	open, replies []string
	tech          bool // only those who build and run software speak of it
}

var topics = []topic{
	{
		open:    []string{"Running %n minutes late, please start without me.", "Train is stuck, I will join by phone.", "Doctor's appointment until %h.", "Will be in at %h today."},
		replies: []string{"No problem.", "ok", "We moved the first point to the end.", "Take your time."},
	},
	{
		open:    []string{"I am out %d, back on the day after.", "Off from %d, %p has the context.", "On leave next week, please send reviews to %p.", "Taking %d afternoon off."},
		replies: []string{"Enjoy!", "Have fun.", "I'll cover the rota.", "Could you hand over the open tickets before?"},
	},
	{
		open:    []string{"Moved the review to %d %h.", "Planning is at %h in %m.", "Stand-up is in %m today.", "Can we push the sync by %n minutes?"},
		replies: []string{"Works for me.", "I have a clash, go ahead without me.", "+1", "ok, updated the invite."},
	},
	{
		open:    []string{"Anyone else getting logged out of the VPN?", "VPN drops every %n minutes for me.", "SSO asks for the second factor on every page since this morning."},
		replies: []string{"Same here.", "Fine from the office.", "Restarting the client helped.", "IT knows, see #help-it.", "Only on wifi."},
	},
	{
		open:    []string{"Who has context on %r?", "Who knows why %r has two config files?", "Is %s safe to restart during the day?", "Where do the limits of %s come from?"},
		replies: []string{"%p wrote most of it.", "Look at the runbook.", "Try the design page, it is still true.", "I touched it last, ping me.", "Nobody any more, I am afraid."}, tech: true,
	},
	{
		open:    []string{"%a is on the phone again, can somebody join?", "Call with %a is at %h, I need one engineer.", "%a signed!", "Heads up: %a wants to see the roadmap %d."},
		replies: []string{"I can.", "Give me five minutes.", "Great news.", "What do they need exactly?", "Please take notes this time."},
	},
	{
		open:    []string{"Can somebody look at the build before lunch?", "CI queue is %n jobs long.", "Agents are slow today, %n minutes for a checkout.", "Cache seems cold, everything rebuilds."},
		replies: []string{"Looking.", "One agent was offline, back now.", "It recovers.", "Third time this week.", "Can we get one more agent?"}, tech: true,
	},
	{
		open:    []string{"Demo %d at %h: who shows something?", "Slides for the demo are in Drive.", "Demo went well, thanks all."},
		replies: []string{"I have %n minutes.", "I'll show the new list.", "Mine is not ready.", ":clap:", "Recording is in the usual folder."},
	},
	{
		open:    []string{"Coffee machine on the second floor is fixed.", "There is cake in the kitchen.", "Fire drill %d at %h.", "The window in %m does not close.", "Parking is closed %d."},
		replies: []string{"Finally.", "Thanks!", ":tada:", "Is there any left?", "noted"},
	},
	{
		open:    []string{"Reminder: time sheets are due on Friday.", "Please book your travel before %d.", "Survey closes %d, %n answers so far.", "Please update your emergency contacts."},
		replies: []string{"done", "Where was the link?", "Done, took two minutes.", "Will do."},
	},
	{
		open:    []string{"Shipping this after the freeze.", "Freeze starts %d %h, last merges before that please.", "I would rather wait for the second approval.", "Holding the deploy of %s until %p is back."},
		replies: []string{"Agreed.", "Fine.", "Support will be happy.", "Then it misses the month, ok?", "ok, telling the customer."}, tech: true,
	},
	{
		open:    []string{"p99 of %s went up by %n percent since yesterday.", "%s is noisy today.", "Error budget of %s is at %n percent.", "Seeing %n retries a minute from %s."},
		replies: []string{"Since the last deploy?", "Month-end batch, I think.", "Looks like one tenant.", "Dropping again.", "I'll open a ticket if it stays."}, tech: true,
	},
	{
		open:    []string{"Replaced the flaky fixture in %r, tell me if it comes back.", "Tests of %r take %n minutes now, was %n more.", "Main of %r needs a rebase after the rename, sorry."},
		replies: []string{"Nice!", "Thank you.", "Still red for me, pulling again.", "ok"}, tech: true,
	},
	{
		open:    []string{"Interview with the candidate is %d, %p and me.", "New colleague starts %d, please say hello.", "We are %n people at lunch %d, who else?"},
		replies: []string{":wave:", "Looking forward to it.", "Count me in.", "In %m?"},
	},
	{
		open:    []string{"Handover: quiet week, %n pages, all in the sheet.", "Taking over on-call at %h.", "Swapped on-call with %p for %d."},
		replies: []string{"Thanks, good night.", "Rota is updated.", "Good luck.", "ok"}, tech: true,
	},
	{
		open:    []string{"Notes are in the wiki.", "I wrote down how the import works, comments welcome.", "Please read the proposal until %d.", "Decision: we keep it simple and revisit in %n weeks."},
		replies: []string{"Thanks.", "Left two comments.", "Agree with the decision.", "Can we talk about the second part?", "Good summary."},
	},
	{
		open:    []string{"Good catch, I will take it.", "Thanks %p, that worked.", "Sorry, that was me.", "%p saved my day."},
		replies: []string{":heart:", "Any time.", "No worries.", "np"},
	},
	{
		open:    []string{"Need %n test accounts on staging, who can do that?", "Staging is down for %n minutes, I am reloading data.", "Is anybody using the second staging cluster?"},
		replies: []string{"Go ahead.", "Wait until %h please.", "Not me.", "I need it %d.", "Done, credentials are in vault."}, tech: true,
	},
	{
		open:    []string{"Contract of %a is back from their legal.", "%a pushes for a discount.", "Forecast call %d at %h.", "Who did the last offer for %a?"},
		replies: []string{"Send it to me.", "Not more than last year.", "I have the numbers.", "Look in Salesforce.", "ok, preparing."},
	},
	{
		open:    []string{"Invoices of %d are out.", "Please send me your expenses until %d.", "Budget for next quarter: %n open points.", "New cost centre for travel, see the mail."},
		replies: []string{"done", "Thanks.", "Mine follows %d.", "Which cost centre for the off-site?", "ok"},
	},
	{
		open:    []string{"Draft of the newsletter is in Drive, comments until %d.", "Need a quote from an engineer for the release post.", "Web page is updated.", "%n people registered for the webinar."},
		replies: []string{"Reading it tonight.", "Ask %p.", "Nice!", "Typo in the second line, otherwise great.", "Good number."},
	},
}

// requests are what people want from IT, with answers.
var requests = []topic{
	{
		open:    []string{"Need read access to the reporting database, reason is %q.", "Could I get reporting_ro for %q?", "Who approves database access now? It is for %q."},
		replies: []string{"Needs an OK from the data team, then I'll add you.", "Approved, takes effect with the next login.", "Please follow the access page, role reporting_ro.", "Done."},
	},
	{
		open:    []string{"My second factor is on the old phone, can somebody reset it?", "Lost my security key, sorry.", "New phone, the authenticator is gone."},
		replies: []string{"Reset, please enrol again today.", "Call me, I need to see you on video.", "Done, check your mail.", "Stop by at the desk."},
	},
	{
		open:    []string{"VPN profile expired, portal says pending.", "VPN refuses my certificate since this morning.", "Which VPN gateway should I use from abroad?"},
		replies: []string{"Approved in the portal.", "Same gateway, new profile.", "Renewed, download it again.", "Ticket please, there are more of you."},
	},
	{
		open:    []string{"Please add me to the vault group of my team.", "Vault says permission denied for our path.", "Who owns the vault policy of %t?"},
		replies: []string{"Your lead has to ask for it.", "Added.", "Log out and in again.", "Done, prod stays read-only."},
	},
	{
		open:    []string{"Laptop battery is swelling, who takes it?", "Keyboard loses every second letter.", "Second monitor does not wake up.", "Laptop asks for the recovery key."},
		replies: []string{"Bring it to the desk, do not charge it.", "I have a spare.", "Recovery key sent to your manager.", "Ordered, %n days."},
	},
	{
		open:    []string{"Cannot reach Jenkins from the office network.", "Jenkins says I lack Job/Build on %r.", "Is there a service account for the importer or do I need a new one?"},
		replies: []string{"Proxy hiccup, try again.", "Permission comes with the team group, adding you.", "There is one, %p knows it.", "Works again since %h."},
	},
	{
		open:    []string{"Shared drive shows 'request access' for the %q folder.", "Please share the invoices folder with %p.", "Can I get edit rights on the on-call sheet?"},
		replies: []string{"The owner has to do that.", "Done.", "Finance keeps that one closed.", "Asked the owner."},
	},
}

// reasons are what %q stands for.
var reasons = []string{
	"month-end", "the audit", "a customer escalation", "the migration", "the new dashboard", "the quarterly review", "reconciliation", "capacity planning",
	"the churn analysis", "onboarding", "a data fix", "the price change",
}

// words are the phrases that one company uses.
type words struct {
	symptoms, conditions, features, chores, details, asks, upkeep, remarks, labels []string
	topics                                                                         [2][]topic   // those of everybody, those of builders
	titles                                                                         [3]titleForm // by kind of issue
	affects                                                                        [2]string    // before and after a component
}

// titleForm says how a title names the component.
type titleForm struct {
	first     bool   // before the text
	word      string // between text and component
	pre, post string
}

func (f titleForm) title(text, name string) string {
	name = f.pre + name + f.post
	switch {
	case f.first:
		return name + " " + text
	case f.word != "":
		return text + " " + f.word + " " + name
	}
	return text + " " + name
}

var titleForms = [...][3]titleForm{
	{{first: true}, {word: "in"}, {pre: "(", post: ")"}},
	{{first: true, pre: "[", post: "]"}, {first: true, pre: "[", post: "]"}, {first: true, pre: "[", post: "]"}},
	{{first: true, post: ":"}, {first: true, post: ":"}, {first: true, post: ":"}},
	{{first: true}, {word: "for"}, {word: "of"}},
	{{first: true}, {word: "to"}, {word: "in"}},
	{{first: true}, {pre: "[", post: "]"}, {pre: "[", post: "]"}},
}

var affectForms = [...][2]string{
	{"Affects ", "."}, {"Component: ", "."}, {"Seen in ", "."}, {"Part of ", "."}, {"Concerns ", "."},
}

// detailsPerKind is how many details a world has for bugs, which come first, and
// for everything else.
const detailsPerKind = 17

// makeWords takes a part of each table.
func (w *World) makeWords() {
	r := w.sub("words").at(0)
	some := func(list []string, n int) []string {
		list = append([]string(nil), list...)
		r.shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		return list[:n]
	}
	v := &w.words
	v.symptoms, v.conditions, v.features, v.chores = some(symptoms, 36), some(conditions, 30), some(features, 38), some(chores, 32)
	v.details, v.asks, v.upkeep, v.remarks = append(some(faultDetails, detailsPerKind), some(workDetails, detailsPerKind)...), some(asks, 15), some(upkeep, 42), some(remarks, 28)
	v.labels = some(issueLabels, 11)
	for _, i := range order(&r, len(topics)) {
		if t := topics[i]; t.tech {
			v.topics[1] = append(v.topics[1], t)
		} else if len(v.topics[0]) < 11 {
			v.topics[0] = append(v.topics[0], t)
		}
	}
	v.topics[1] = append(v.topics[1][:5:5], v.topics[0]...)
	v.titles, v.affects = titleForms[r.below(len(titleForms))], affectForms[r.below(len(affectForms))]
}

// order is a permutation of [0, n).
func order(r *roll, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	r.shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}
