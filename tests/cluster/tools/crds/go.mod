// Whose kinds the chart has objects of, or the controller writes: ./build takes their CRDs from these modules and builds
// nothing of them. The policy reports are Kyverno's copy, since it writes the most of them. `go mod tidy` would take the
// lines away; `go mod download` writes go.sum.
module batchwarden.io/tests/cluster/tools/crds

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/kyverno/kyverno v1.19.1
	github.com/openreports/reports-api v0.2.1
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
