// Whose kinds the chart has objects of: tests/cluster/tools/build takes their CRDs from these modules and builds
// nothing of them. `go mod tidy` would take the lines away; `go mod download` writes go.sum.
module batchwarden.io/tests/cluster/tools/crds

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
