package sbom

import (
	"context"
	"errors"
	"fmt"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/file"
	syftsource "github.com/anchore/syft/syft/source"

	"github.com/org/release-actions/internal/hint"
)

// checkCatalogers has syft look at the expressions before there is an image.
func checkCatalogers(ctx context.Context, expressions []string) error {
	config := syft.DefaultCreateSBOMConfig().WithCatalogerSelection(cataloging.NewSelectionRequest().WithExpression(expressions...))
	if _, err := syft.CreateSBOM(ctx, noImage{}, config); !errors.Is(err, errNoImage) {
		return hint.Wrap(fmt.Errorf("input \"select-catalogers\": %w", err),
			"write names or tags as \"syft cataloger list\" prints them: \"python\" for these alone, \"+NAME\" for one more, \"-NAME\" for one less")
	}
	return nil
}

var errNoImage = errors.New("no image")

// noImage is an image that isn't there: syft asks for its files when it knows
// what to do with them. It implements syft's Source.
type noImage struct{}

func (noImage) ID() artifact.ID { return "" }
func (noImage) Close() error    { return nil }

func (noImage) Describe() syftsource.Description {
	return syftsource.Description{Metadata: syftsource.ImageMetadata{}}
}

func (noImage) FileResolver(syftsource.Scope) (file.Resolver, error) { return nil, errNoImage }
