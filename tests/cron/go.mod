// What Kubernetes makes of schedules: tests/cron/generate writes expected.jsonl with it.
module batchwarden.io/tests/cron

go 1.26.0

require github.com/robfig/cron/v3 v3.0.1
