package main

import (
	"fmt"
	"math/rand"
	"strings"
)

var zones = []string{
	"UTC", "Europe/Berlin", "Europe/London", "Europe/Moscow", "Europe/Istanbul", "America/New_York",
	"America/Los_Angeles", "America/St_Johns", "America/Caracas", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Pyongyang",
	"Asia/Tehran", "Asia/Colombo", "Africa/Casablanca", "Australia/Sydney", "Australia/Adelaide", "Pacific/Chatham",
	"Etc/GMT-14",
	// clocks change at midnight
	"America/Sao_Paulo", "America/Havana", "America/Santiago", "America/Asuncion", "Asia/Beirut", "Asia/Amman",
	"Asia/Gaza", "Africa/Cairo", "Atlantic/Azores",
	// clocks change by half an hour, by two hours, by a day
	"Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Apia", "Pacific/Kiritimati", "Pacific/Kwajalein",
}

var overDateLine = map[string]bool{"Pacific/Apia": true, "Pacific/Kiritimati": true, "Pacific/Kwajalein": true}

// rare is what fires seldom or never.
var rare = []string{
	"0 0 29 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 12 31 * *", "0 0 1 1 *", ", * * * *", "0 , * * *", "0 0 , * *",
	"0 0 * , *", "0 0 * * ,", "0 0 29 2 ,", "0 0 29 2 1", "0 0 31 2 ?", "59 23 31 12 *", "0 0 30 2 1", "@yearly",
}

var handPicked = []string{
	"", " ", "*", "* * * *", "* * * * *", " * * * * * ", "*\t*\n*  *\u00a0*", "*\u2003*\u3000* * *", "*\u200b* * * *",
	"*\x1c* * * *", "* * * * *\x1f", "* * * * * *", "0 0 12 * * ?", "0 0 12 * * ? 2026", "? ? ? ? ?",
	"*/0 * * * *", "*/1 * * * *", "*/59 * * * *", "*/60 * * * *", "*/61 * * * *", "?/1 * * * *", "?/2 * * * *",
	"*/9223372036854775807 * * * *", "*/9223372036854775808 * * * *", "*/-1 * * * *", "*/-0 * * * *", "*/+5 * * * *",
	"*/ * * * *", "/5 * * * *", "*/5/5 * * * *", "5/ * * * *", "5/10 * * * *", "59/10 * * * *", "60/10 * * * *",
	"*-5 * * * *", "*-5/2 * * * *", "*-x-y * * * *", "*-x-y/3 * * * *", "?-1 * * * *", "5-* * * * *", "x-* * * * *",
	"+5 * * * *", "-5 * * * *", "-0 * * * *", "5-+7 * * * *", "05 * * * *", "000000000000000000000000007 * * * *",
	"00000000000000000000000000000000000000 * * * *", "٣ * * * *", "1_0 * * * *", "0x1 * * * *", "1.5 * * * *", "１ * * * *",
	"1, * * * *", ",1 * * * *", "1,,2 * * * *", ", * * * *", ",,, * * * *", "1,*,2 * * * *", "1,*/2 * * * *",
	"1-2-3 * * * *", "5-1 * * * *", "5-5 * * * *", "0-59 * * * *", "0-60 * * * *", "0-59/7 * * * *", "1-59/60 * * * *",
	"* 24 * * *", "* 23 * * *", "* 22-2 * * *", "* 0-23/25 * * *", "* -1 * * *",
	"* * 0 * *", "* * 32 * *", "* * 31 * *", "* * L * *", "* * LW * *", "* * 15W * *", "* * L-3 * *", "* * 1-31 * *",
	"* * 1-31 * 1", "* * */1 * 1", "* * */2 * 1", "* * ? * 1", "* * 1 * */2", "* * 1,* * 1", "* * *-3 * 1",
	"* * * 0 *", "* * * 13 *", "* * * JAN *", "* * * jan-DEC *", "* * * jan-dec/2 *", "* * * January *", "* * * MON *",
	"* * * FeB,mAr *", "* * * JAN-3 *", "* * * 3-jan *", "* * * DEC-JAN *", "* * * 12-1 *", "* * * */mar *",
	"* * * * 7", "* * * * 0-7", "* * * * 1-7", "* * * * 5-7", "* * * * SUN", "* * * * sunday", "* * * * MON-SUN",
	"* * * * SUN-SAT", "* * * * FRI-MON", "* * * * fri/2", "* * * * 5L", "* * * * 5#3", "* * * * MON#1", "* * * * FRİ",
	"* * * * ſun", "* * * * ＳＵＮ", "* * * * su", "* * * * JAN", "* * * * Mo-Fr", "H * * * *", "H/5 * * * *",
	"\"0 3 * * *\"", "'0 3 * * *'", "“0 3 * * *”", "0 3 * * 1–5", "0 3 * * 1—5", "0 3 ∗ ∗ ∗", "\\* * * * *", "0,30,* * * * *",
	"0;30 * * * *", "0 3 * * 1 5", "0 3 * * 1, 5", "0 3 * * mon,,fri", "@yearly", "@annually", "@monthly", "@weekly",
	"@daily", "@midnight", "@hourly", "@reboot", "@Daily", "@DAILY", "@daily ", " @daily", "@", "@every", "@every ",
	"@every 5m", "@every  5m", "@every 5m ", "@every 5", "@every 0", "@every -0", "@every +0", "@every 0s", "@every 1d",
	"@every 1w", "@every -5m", "@every +5m", "@every --5m", "@every - 5m", "@every 1h30m", "@every 1h 30m", "@every 30m1h",
	"@every 1.5h", "@every .5h", "@every 1.h", "@every .h", "@every .", "@every h", "@every 1..5h", "@every 1.5.5h",
	"@every 999ms", "@every 1001ms", "@every 1ns", "@every 1us", "@every 1µs", "@every 1μs", "@every 1S", "@every 1H",
	"@every 2562047h47m16.854775807s", "@every 2562047h47m16.854775808s", "@every -2562047h47m16.854775808s",
	"@every 9223372036854775807ns", "@every 9223372036854775808ns", "@every 9223372036s", "@every 9223372037s",
	"@every 99999999999999999999h", "@every 00000000000000000000001h", "@every 0.99999999999999999999h",
	"@every 1.99999999999999999s", "@every 1.000000000000000000000000000000001s", "@every 0.1h", "@every 0.7h",
	"@every 0.016666666666666667h", "@every 1.9999999999s", "@every 1.999999999s", "@every 5m5m5m", "@every 1ⅿ",
	"@every 1e3s", "@every 1_000s", "@every 1,5h", "@every ５m", "@Every 5m", "@every\t5m", "@every 5m # comment",
	"TZ=UTC * * * * *", "TZ=Europe/Berlin 0 3 * * *", "CRON_TZ=Asia/Kolkata 0 3 * * *", "TZ=Europe/Nowhere 0 3 * * *",
	"TZ= 0 3 * * *", "TZ=UTC", "TZ=", "CRON_TZ=", "TZ=UTC ", "TZ=UTC  @daily ", "TZ=UTC @every 5m", "TZ=UTC\t* * * * *",
	"TZ=UTC\t* * * * * *", " TZ=UTC * * * * *", "TZ=Local 0 3 * * *", "TZ=local 0 3 * * *", "TZ=../UTC 0 3 * * *",
	"TZ=/etc/localtime 0 3 * * *", "tz=UTC 0 3 * * *", "TZ=utc 0 3 * * *", "CRON_TZ=UTC=x 0 3 * * *", "TZ=Europe 0 3 * * *",
	"XTZ=UTC 0 3 * * *", "TZ=CRON_TZ=UTC 0 3 * * *", "TZ=UTC TZ=UTC 0 3 * * *", "TZ=EST5EDT 0 3 * * *",
	"TZ=Etc/GMT+5 0 3 * * *", "TZ=Factory 0 3 * * *", "TZ=Europe/Berlin\u00a00 3 * * * *", "CRON_TZ UTC 0 3 * *",
	"0 3 * * * /bin/backup", "every day at 3", "daily", "1h", "0 3 * *", "*/5", "* */3 * * *", "0 */3 * * *",
}

type field struct {
	least, most int
	names       []string
}

var fields = []field{
	{0, 59, nil},
	{0, 23, nil},
	{1, 31, nil},
	{1, 12, strings.Fields("- jan feb mar apr may jun jul aug sep oct nov dec")},
	{0, 6, strings.Fields("sun mon tue wed thu fri sat")},
}

func expressions(random *rand.Rand) []string {
	found := append(append([]string{}, handPicked...), rare...)
	for range randomValid {
		found = append(found, valid(random))
	}
	for range randomInvalid {
		found = append(found, mutated(random))
	}
	for range 300 {
		found = append(found, "@every "+duration(random))
	}
	seen := map[string]bool{}
	once := found[:0]
	for _, expression := range found {
		if !seen[expression] {
			seen[expression] = true
			once = append(once, expression)
		}
	}
	return once
}

// valid is a schedule of random fields.
func valid(random *rand.Rand) string {
	if random.Intn(40) == 0 {
		return pick(random, "@yearly", "@monthly", "@weekly", "@daily", "@hourly", "@every 90s", "@every 25h")
	}
	parts := []string{}
	for _, each := range fields {
		part := each.part(random)
		for random.Intn(4) == 0 && part != "*" {
			part += "," + each.part(random)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " ")
}

func (f field) part(random *rand.Rand) string {
	low := f.least + random.Intn(f.most-f.least+1)
	high := low + random.Intn(f.most-low+1)
	step := 1 + random.Intn(f.most)
	switch random.Intn(12) {
	case 0:
		return fmt.Sprintf("%s-%s", f.value(random, low), f.value(random, high))
	case 1:
		return fmt.Sprintf("%s-%s/%d", f.value(random, low), f.value(random, high), step)
	case 2:
		return fmt.Sprintf("*/%d", step)
	case 3:
		return fmt.Sprintf("%s/%d", f.value(random, low), step)
	case 4:
		return pick(random, "?", "*/1", "*-1", "?/2")
	case 5, 6, 7:
		return f.value(random, low)
	}
	return "*"
}

func (f field) value(random *rand.Rand, number int) string {
	if f.names == nil || random.Intn(2) == 0 {
		return fmt.Sprint(number)
	}
	name := f.names[number]
	return pick(random, name, strings.ToUpper(name), strings.ToUpper(name[:1])+name[1:])
}

// nearMidnight is a schedule of the hours at which clocks change.
func nearMidnight(random *rand.Rand) string {
	minute := pick(random, "0", "0", "30", "15", "45", "59", "*/20", "*/30", "10-50/40", "*", "0,30")
	hour := pick(random, "0", "1", "2", "3", "4", "5", "22", "23", "*", "*/2", "1-23/2", "0-3", "2-3", "0,12", "23,1", "12")
	day := pick(random, "*", "*", "*", "*", "*", "?", "1", "1-7", "*/2", "15", "25-31")
	month := pick(random, "*", "*", "*", "*", "*", "3", "10", "9-11", "*/2")
	weekday := pick(random, "*", "*", "*", "0", "6", "5", "4", "0,6", "1-5", "SUN", "*/2", "?")
	return strings.Join([]string{minute, hour, day, month, weekday}, " ")
}

// mutated is a schedule in which a slip of the hand changed some characters.
func mutated(random *rand.Rand) string {
	text := []rune(valid(random))
	if random.Intn(3) > 0 {
		text = []rune(nearMidnight(random))
	}
	if random.Intn(10) == 0 {
		text = []rune("@every " + duration(random))
	}
	others := []rune("0123456789*/-,?+. LW#@aeFNSUTZ\t–")
	for range 1 + random.Intn(2) {
		at := random.Intn(len(text) + 1)
		other := others[random.Intn(len(others))]
		switch {
		case at == len(text):
			text = append(text, other)
		case random.Intn(3) == 0:
			text = append(text[:at], text[at+1:]...)
		case random.Intn(2) == 0:
			text[at] = other
		default:
			text = append(text[:at], append([]rune{other}, text[at:]...)...)
		}
	}
	return string(text)
}

func duration(random *rand.Rand) string {
	text := pick(random, "", "", "", "", "-", "+")
	for range 1 + random.Intn(3) {
		text += pick(random, "", "0", "1", "5", "30", "90", "3600", fmt.Sprint(random.Int63()))
		text += pick(random, "", "", "", "", ".5", ".", fmt.Sprintf(".%d", random.Intn(100000)), fmt.Sprintf(".%d", random.Int63()))
		text += pick(random, "h", "m", "s", "ms", "us", "µs", "ns", "d", "")
	}
	return text
}

func pick(random *rand.Rand, choices ...string) string {
	return choices[random.Intn(len(choices))]
}
