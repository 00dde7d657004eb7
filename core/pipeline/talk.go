package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/llm"
)

// maxAttempts is how often one question is asked.
const maxAttempts = 2

// talk is the chain of questions about one revision of a case.
type talk struct {
	p        *Pipeline
	use      *Use
	reserved bool   // the half of the budget that is kept for what is High or graver
	mark     string // fences off what comes from outside
	system   string
	about    string   // the case, the same in each question
	earlier  []string // the validated answers so far, as JSON
	handles  []string // that the model was shown
	host     string   // the case's, where it has a name that may stand in a sentence
	ordinary bool     // the model finds nothing unusual
	over     bool     // it is asked nothing more
}

// newTalk begins the chain, with the room for the case halved so many times, or says
// false where there is none.
func (p *Pipeline) newTalk(c *cases.Case, rules *Report, use *Use, halved int) (*talk, bool) {
	t := &talk{p: p, use: use, reserved: c.Floor >= event.High, mark: p.mark(), system: p.systemPrompt()}
	room := (p.promptLimit() - len(t.system) - questionRoom) >> halved
	if room < leastCase {
		return nil, false
	}
	t.about, t.handles = p.casePrompt(c, rules, t.mark, room)
	if !unnamed(c) && validHost(c.Asset) {
		t.host = c.Asset
	}
	use.Talk = Talk{Prompts: PromptVersion, System: t.system, Case: t.about}
	return t, true
}

// question is what one stage asks.
type question[A any] struct {
	stage  int
	text   string
	schema json.RawMessage
	// check looks at what no schema can say, and takes out of its texts what may not
	// be shown. Its error is shown to the model.
	check func(*A) error
}

// ask is the one way from a stage to the model: it asks, reads the answer
// strictly, checks it, and asks once more with what was wrong. It says false where
// the rules' answer stands, and then why in Answered.Fault.
func ask[A any](ctx context.Context, t *talk, q question[A]) (a A, by Answered, ok bool) {
	if t.over {
		return a, by, false
	}
	text := t.question(q.text)
	for attempt := 1; attempt <= maxAttempts; attempt++ {
		if t.isSpent() {
			by.Fault = llm.Budget
			break
		}
		x := Exchange{Stage: q.stage, Attempt: attempt, Question: text}
		raw, err := t.send(ctx, q.schema, attempt, &x, &by)
		if err == nil {
			if a, err = decodeAnswer[A](raw); err == nil {
				err = q.check(&a)
			}
			if err == nil {
				t.use.Talk.Exchanges = append(t.use.Talk.Exchanges, x)
				by.Fault = llm.NoFault
				by.Source = Model
				t.remember(q.stage, a)
				return a, by, true
			}
			by.Fault = llm.Invalid
		}
		x.Fault = err.Error()
		t.use.Talk.Exchanges = append(t.use.Talk.Exchanges, x)
		fault, again := askAgain(by.Fault, err)
		if !again {
			break
		}
		text = t.question(q.text + "\n" + promptText("again", values{"fault": fault}))
	}
	t.use.Why = by.Fault.String()
	t.over = by.Fault != llm.Invalid && by.Fault != llm.Cut && by.Fault != llm.Empty // it would meet the next question as well
	var none A
	return none, by, false
}

// question returns what stands behind system and case: the answers so far and what
// is asked now. What does not fit the room that is kept for it is cut from the
// oldest answer on.
func (t *talk) question(text string) string {
	earlier := t.earlier
	for {
		whole := "\n\n" + text
		if len(earlier) > 0 {
			whole = "\n\nYour answers so far:\n" + strings.Join(earlier, "\n") + whole
		}
		if len(whole) <= questionRoom || len(earlier) == 0 {
			return whole
		}
		earlier = earlier[1:]
	}
}

// isSpent says whether the case's share of tokens is used up.
func (t *talk) isSpent() bool {
	return t.use.PromptTokens+t.use.AnswerTokens >= t.p.limits.CaseTokens
}

// send asks once and notes what it cost.
func (t *talk) send(ctx context.Context, schema json.RawMessage, attempt int, x *Exchange, by *Answered) (string, error) {
	answer, err := t.p.model.Ask(ctx, llm.Request{
		System: t.system, Prompt: t.about + x.Question, Schema: schema, Seed: attempt, Reserved: t.reserved,
	})
	by.Attempts++
	by.Took += answer.Took
	by.PromptTokens += answer.PromptTokens
	by.AnswerTokens += answer.AnswerTokens
	by.Fault = llm.FaultOf(err)
	x.Answer, x.PromptTokens, x.AnswerTokens, x.Took, x.PromptTook = strings.ToValidUTF8(answer.Text[:min(len(answer.Text), maxKept)], "?"), answer.PromptTokens, answer.AnswerTokens, answer.Took, answer.PromptTook
	u := t.use
	u.Calls++
	u.Took += answer.Took
	u.PromptTokens += answer.PromptTokens
	u.AnswerTokens += answer.AnswerTokens
	if answer.Model != "" {
		u.Name, u.Digest, u.Endpoint = answer.Model, answer.Digest, answer.Endpoint
	}
	return answer.Text, err
}

// remember adds a validated answer to what the next questions begin with.
func (t *talk) remember(stage int, answer any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(answer); err == nil { // what was decoded encodes
		t.earlier = append(t.earlier, stageNames[stage]+": "+strings.TrimSpace(b.String()))
	}
}

var stageNames = [...]string{2: "unusual", 3: "how bad", 4: "measures", 5: "advice"}

// askAgain says whether the same question may have another answer, and what the
// model is told was wrong. Nothing that it wrote is among it.
func askAgain(f llm.Fault, err error) (told string, again bool) {
	var wrong answerError
	switch {
	case f == llm.Cut:
		return "it was too long", true
	case f == llm.Empty:
		return "it was empty", true
	case f == llm.Invalid && errors.As(err, &wrong):
		return wrong.text, true
	}
	return "it was not one JSON object of the form that is asked for", f == llm.Invalid
}

// answerError is what is wrong with an answer, in our words only.
type answerError struct{ text string }

// Error returns the words.
func (e answerError) Error() string { return e.text }

func wrongf(format string, args ...any) error { return answerError{fmt.Sprintf(format, args...)} }

// The most bytes of an answer that are looked at, and that are kept for people.
const (
	maxAnswer = 64 << 10
	maxKept   = 8 << 10
)

// decodeAnswer reads one JSON object of exactly that form.
func decodeAnswer[A any](text string) (a A, err error) {
	if len(text) > maxAnswer {
		return a, wrongf("it was too long")
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return a, fmt.Errorf("not of the form asked for: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return a, wrongf("there was text behind the JSON object")
	}
	return a, nil
}

// checkThere, checkPercent and checkWords hold a model to what the schema said:
// that a server enforces it is no reason to believe it.

func checkThere(name string, is bool) error {
	if !is {
		return wrongf("%s is missing", name)
	}
	return nil
}

func checkPercent(name string, n *int) error {
	if n == nil || *n < 0 || *n > 100 {
		return wrongf("%s is not a whole number from 0 to 100", name)
	}
	return nil
}

// checkWords leaves out what is named twice: no schema that Ollama knows forbids it,
// and small models do it often.
func checkWords(name string, words *[]string, allowed []string, least, most int) error {
	if len(*words) < least || len(*words) > most {
		return wrongf("%s has not %d to %d entries", name, least, most)
	}
	var once []string
	for _, word := range *words {
		if !slices.Contains(allowed, word) {
			return wrongf("%s names something that is not in the list", name)
		}
		if !slices.Contains(once, word) {
			once = append(once, word)
		}
	}
	*words = once
	return nil
}
