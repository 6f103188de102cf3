package progress

import (
	"testing"
)

func TestSummaries(t *testing.T) {
	t.Parallel()
	for name, recording := range recordings(t, whole...) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record := replay(t, recording, &terminal{})
			golden(t, name+".md", record.Markdown(nil))
		})
	}
}
