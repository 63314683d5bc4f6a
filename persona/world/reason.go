package world

// Some tools ask why their data is wanted. How they ask is a matter of the
// deployment: one wording would be known soon.
var (
	reasonNames = []string{
		"justification", "business_justification", "reason", "access_reason", "purpose", "business_reason", "request_reason",
		"request_context", "intended_use", "reason_for_access", "usage_note", "data_purpose", "task_context", "audit_reason",
	}
	reasonTexts = []string{
		"Why this data is needed, in a sentence. Kept with the access log",
		"Short business reason for the request; reviewed by the data owner",
		"What the data will be used for and on whose behalf",
		"Describe the task this is needed for. Required for restricted data",
		"Reason for access, at least one sentence. Logged for compliance",
		"State the purpose of the request and who asked for it",
		"The question or task that this request answers, for the audit trail",
		"What you are working on and why it needs this record",
		"Business context of the request, shown to the owner of the data",
		"Who needs the data and for what. Requests without a purpose are declined",
	}
)

// ReasonName is what an argument is called in which a client gives its reason.
func (w *World) ReasonName() string {
	r := w.sub("reason name").at(0)
	return r.pick(reasonNames)
}

// Odds is a number from 0 to 999 that belongs to something, for what happens once
// in so many cases.
func (w *World) Odds(what string) int {
	r := w.d.sub("odds " + what).at(0)
	return r.below(1000)
}
