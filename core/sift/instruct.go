package sift

// instructHints are texts one of which every text that Instructs finds contains.
func instructHints() []string { return []string{"ignore"} }

// Instructs says whether a text tries to instruct a reader or a model, and with
// which phrase.
func Instructs(text string) (phrase string, found bool) {
	return "", false
}
