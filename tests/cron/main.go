// Prints what robfig/cron makes of schedules, for policies/cron to be held to: one JSON array a line,
// [expression, reading], where the reading is null for what is refused, seconds for @every, and otherwise the bits of
// the five fields and the zone; or [expression, zone, start, runs], where the start is in seconds since 1970, and the
// runs are seconds, each since the one before; null says that there is none within five years.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

const (
	randomValid   = 1500
	randomInvalid = 3500
	runsFollowed  = 5
	firstYear     = 1990
	lastYear      = 2024 // until then the editions of the time zone database agree
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	random := rand.New(rand.NewSource(2026))
	for _, expression := range expressions(random) {
		write(lines, expression, reading(expression))
	}
	for _, name := range zones {
		for _, each := range cases(random, name) {
			write(lines, each.expression, name, each.start.Unix(), runs(each))
		}
	}
}

func write(lines *json.Encoder, row ...any) {
	if err := lines.Encode(row); err != nil {
		panic(err)
	}
}

// parse is what ParseCronScheduleWithPanicRecovery in pkg/util/parsers of Kubernetes is.
func parse(expression string) (schedule cron.Schedule, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("panic: %v", caught)
		}
	}()
	return cron.ParseStandard(expression)
}

func reading(expression string) any {
	schedule, err := parse(expression)
	if err != nil {
		return nil
	}
	switch s := schedule.(type) {
	case cron.ConstantDelaySchedule:
		return int64(s.Delay / time.Second)
	case *cron.SpecSchedule:
		return []any{s.Minute, s.Hour, s.Dom, s.Month, s.Dow, s.Location.String()}
	}
	panic(expression)
}

type start struct {
	expression string
	start      time.Time
}

func runs(from start) []any {
	schedule, err := parse(from.expression)
	if err != nil {
		panic(err)
	}
	found := []any{}
	at := from.start
	for range runsFollowed {
		// rather stop than search for ever, as it does where a zone leaves a day out
		guard := time.AfterFunc(10*time.Second, func() { panic(fmt.Sprint("no end: ", from, " ", at)) })
		next := schedule.Next(at)
		guard.Stop()
		if next.IsZero() {
			return append(found, nil)
		}
		found = append(found, next.Unix()-at.Unix())
		at = next
	}
	return found
}

// cases are starts in a zone: near changes of its clocks, and anywhere.
func cases(random *rand.Rand, name string) []start {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	found := []start{}
	changes := changes(zone)
	for range 20 + 12*min(len(changes), 20) {
		at := time.Date(firstYear+random.Intn(lastYear-firstYear), 1, 1+random.Intn(365), 0, 0, random.Intn(86400), 0, zone)
		expression := valid(random)
		if len(changes) > 0 && random.Intn(8) > 0 {
			at = changes[random.Intn(len(changes))].Add(time.Duration(random.Intn(120*3600)-80*3600) * time.Second)
			if random.Intn(2) > 0 {
				at = at.Truncate(time.Minute)
			}
			if random.Intn(8) > 0 {
				expression = nearMidnight(random)
			}
		}
		if overDateLine[name] && !everyDay(expression) {
			continue // where a day is left out the search for another never ends
		}
		found = append(found, start{expression, at.In(zone)})
	}
	for _, expression := range rare {
		found = append(found, start{expression, time.Date(2001, 6, 1, 12, 0, 0, 0, zone)})
	}
	return found
}

func everyDay(expression string) bool {
	fields := strings.Fields(expression)
	return len(fields) == 5 && fields[2] == "*" && fields[3] == "*" && fields[4] == "*"
}

// changes are the hours before which the clocks of a zone changed.
func changes(zone *time.Location) []time.Time {
	found := []time.Time{}
	_, before := time.Date(firstYear, 1, 1, 0, 0, 0, 0, zone).Zone()
	for at := time.Date(firstYear, 1, 1, 0, 0, 0, 0, zone); at.Year() <= lastYear; at = at.Add(time.Hour) {
		_, offset := at.Zone()
		if offset != before {
			found = append(found, at)
		}
		before = offset
	}
	return found
}
