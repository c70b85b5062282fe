package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func newReader(input []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(input)) }

type definition struct {
	structural *structuralschema.Structural
	validator  validation.SchemaValidator
}

// What CustomResourceDefinitions say of their kinds.
type schemas map[schema.GroupVersionKind]definition

func (s *schemas) add(crd *v1.CustomResourceDefinition) error {
	for i := range crd.Spec.Versions {
		version := &crd.Spec.Versions[i]
		internal := &apiextensions.CustomResourceValidation{}
		if err := v1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(
			version.Schema, internal, nil); err != nil {
			return err
		}
		structural, err := structuralschema.NewStructural(internal.OpenAPIV3Schema)
		if err != nil {
			return err
		}
		validator, _, err := validation.NewSchemaValidator(internal.OpenAPIV3Schema)
		if err != nil {
			return err
		}
		kind := schema.GroupVersionKind{Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.Kind}
		(*s)[kind] = definition{structural, validator}
	}
	return nil
}

func (s *schemas) load(files []string) error {
	*s = schemas{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		reader := utilyaml.NewYAMLReader(newReader(content))
		for {
			text, err := reader.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			crd := &v1.CustomResourceDefinition{}
			if err := yaml.Unmarshal(text, crd); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if crd.Kind != "CustomResourceDefinition" {
				continue
			}
			if err := s.add(crd); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return nil
}

// check tells whether the object is one of a custom kind; if so it has been looked at.
func (s *schemas) check(text []byte, report func(string, ...any)) (bool, string, error) {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &object.Object); err != nil {
		return false, "", err
	}
	name := object.GetKind() + " " + object.GetName()
	found, ok := (*s)[object.GroupVersionKind()]
	if !ok {
		return false, object.GetName(), nil
	}
	for _, err := range validation.ValidateCustomResource(nil, object.UnstructuredContent(), found.validator) {
		report("%s: %v", name, err)
	}
	unknown := pruning.PruneWithOptions(object.DeepCopy().UnstructuredContent(), found.structural, true,
		structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown {
		report("%s: unknown field %s", name, path)
	}
	return true, name, nil
}
