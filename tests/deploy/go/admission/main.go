// Says what the API server's own code thinks of manifests, without a server: whether each object is
// of a known kind with known fields of the right types (strict decoding), and whether the Pod
// Security admission would let its pods into a namespace of the level "restricted".
//
//	admission [--crd FILE]... < rendered.yaml
//
// --crd gives CustomResourceDefinitions, whose schemas their objects are checked against.
// It prints one finding a line and ends with 1 if there is one; with 2 if it cannot be used so.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	psapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

type judge struct {
	decoder   runtime.Decoder
	evaluator policy.Evaluator
	schemas   schemas
	findings  int
	objects   int
	pods      int
}

func (j *judge) report(format string, arguments ...any) {
	j.findings++
	fmt.Printf(format+"\n", arguments...)
}

// template gives the pods of a workload, nil when it has none.
func template(object runtime.Object) *corev1.PodTemplateSpec {
	switch o := object.(type) {
	case *appsv1.StatefulSet:
		return &o.Spec.Template
	case *appsv1.Deployment:
		return &o.Spec.Template
	case *appsv1.DaemonSet:
		return &o.Spec.Template
	case *batchv1.Job:
		return &o.Spec.Template
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template
	}
	return nil
}

func (j *judge) admit(name string, pod *corev1.PodTemplateSpec) {
	j.pods++
	level := psapi.LevelVersion{Level: psapi.LevelRestricted, Version: psapi.LatestVersion()}
	for _, result := range j.evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			j.report("%s: restricted refuses it: %s (%s)", name, result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
}

func (j *judge) document(text []byte) {
	j.objects++
	known, name, err := j.schemas.check(text, j.report)
	if err != nil {
		j.report("%v", err)
		return
	}
	if known {
		return
	}
	object, kind, err := j.decoder.Decode(text, nil, nil)
	if err != nil {
		j.report("%s: %v", name, err)
		return
	}
	if pod := template(object); pod != nil {
		j.admit(kind.Kind+" "+name, pod)
	}
}

type files []string

func (f *files) String() string { return strings.Join(*f, ",") }

func (f *files) Set(value string) error {
	*f = append(*f, value)
	return nil
}

func run() error {
	var crds files
	flag.Var(&crds, "crd", "a file with CustomResourceDefinitions")
	flag.Parse()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	j := judge{evaluator: evaluator}
	j.decoder = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	if err := j.schemas.load(crds); err != nil {
		return err
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	reader := utilyaml.NewYAMLReader(newReader(input))
	for {
		text, err := reader.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(text)) > 0 {
			j.document(text)
		}
	}
	if j.objects == 0 {
		return fmt.Errorf("no object on standard input")
	}
	fmt.Printf("admission: %d objects, %d kinds of pods, %d finding(s)\n", j.objects, j.pods, j.findings)
	if j.findings > 0 {
		os.Exit(1)
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "admission:", err)
		os.Exit(2)
	}
}
