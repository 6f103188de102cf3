package runlog

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestEntriesComeBackInOrder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	want := []Entry{
		{Step: "plan", Start: time.Unix(1, 0).UTC(), End: time.Unix(2, 0).UTC(), Outputs: map[string]string{"push": "true"}, Summary: "## Release\n"},
		{Step: "sign", Start: time.Unix(2, 0).UTC(), End: time.Unix(3, 0).UTC(), Error: "no permission"},
	}
	for _, e := range want {
		if err := Append(path, e); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := Read(f); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnEntryThatWasCutOff(t *testing.T) {
	t.Parallel()
	got, err := Read(strings.NewReader("{\"step\":\"plan\"}\n{\"step\":\"si"))
	if err == nil || !strings.Contains(err.Error(), "entry 2") || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("{\"step\":\"plan\"}\n")
	f.Add("{}\n[]\n")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := Read(strings.NewReader(text))
		if err == nil && len(entries) > strings.Count(text, "\n")+1 {
			t.Errorf("%d entries of %q", len(entries), text)
		}
	})
}
