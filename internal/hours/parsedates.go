package hours

// point is a year, a month of one or any year, or a date, as far as the text gives it.
type point struct{ Date }

// dates reads years, months and dates, separated by commas.
func (p *parser) dates() (all []Dates, err error) {
	last := point{}
	for {
		start := p.at
		from, ok, err := p.point(last, len(all) > 0)
		if err != nil {
			return nil, err
		}
		if !ok {
			if len(all) == 0 {
				return nil, nil
			}
			return nil, p.unexpected("another date")
		}
		to := from
		if p.rangeFollows() {
			p.dash()
			p.space()
			if to, err = p.end(from); err != nil {
				return nil, err
			}
		}
		dates, problem := between(from, to)
		if problem != "" {
			return nil, p.refuse(start, problem)
		}
		if p.counted() {
			return nil, p.refuse(start, "dates counted from other dates are not supported")
		}
		all, last = append(all, dates), to
		if before := p.at; !p.take("+") {
			p.at = before
		} else {
			return nil, p.refuse(p.at-1, "dates without an end are not supported")
		}
		if !p.take(",") {
			return all, nil
		}
		p.space()
	}
}

// rangeFollows says whether a dash comes next that is not that of "-1 day".
func (p *parser) rangeFollows() bool {
	if p.counted() {
		return false
	}
	before := p.at
	ok := p.dash()
	p.at = before
	return ok
}

// year reads four digits.
func (p *parser) year() int16 {
	n, count := p.number()
	if count != 4 || n < firstYear || n > lastYear {
		return 0
	}
	p.at += count
	return int16(n)
}

// day reads the day of a month, unless it begins a time.
func (p *parser) day() uint8 {
	n, count := p.number()
	if count == 0 || count > 2 || p.atTime() {
		return 0
	}
	p.at += count
	return uint8(n)
}

// point reads where dates begin; after a date, a number alone is a day of the same month.
func (p *parser) point(last point, more bool) (d point, ok bool, err error) {
	start := p.at
	if p.word() == "easter" || p.word() == "week" {
		return d, false, p.unexpected("")
	}
	if more && last.Day != 0 {
		if d.Year, d.Month, d.Day = last.Year, last.Month, p.day(); d.Day != 0 {
			return d, true, nil
		}
	}
	d = point{}
	d.Year = p.year()
	p.space()
	if word := p.word(); word == "easter" || word == "week" {
		return d, false, p.unexpected("")
	}
	if d.Month, ok = p.month(); !ok {
		if d.Year == 0 {
			p.at = start
			return d, false, nil
		}
		p.at = start + 4
		return d, true, nil
	}
	p.optionalDay(&d)
	return d, true, nil
}

func (p *parser) optionalDay(d *point) {
	before := p.at
	p.space()
	if d.Day = p.day(); d.Day == 0 {
		p.at = before
	}
}

// end reads where dates end that begin at from: a day, a month with or without a day, or
// those with a year; after a year another year.
func (p *parser) end(from point) (d point, err error) {
	d.Year = p.year()
	if from.Month == 0 {
		if d.Year == 0 {
			return d, p.unexpected("a year")
		}
		return d, nil
	}
	if d.Year == 0 {
		d.Year = from.Year
	}
	p.space()
	var ok bool
	if d.Month, ok = p.month(); ok {
		p.optionalDay(&d)
		return d, nil
	}
	if d.Month, d.Day = from.Month, p.day(); d.Day == 0 || d.Year != from.Year {
		return d, p.unexpected("a month or a day")
	}
	return d, nil
}

// between makes dates of two points: months and years are all their days.
func between(from, to point) (Dates, string) {
	if (from.Day == 0) != (to.Day == 0) {
		return Dates{}, "dates begin with a day and end with a month, or the other way round"
	}
	if from.Month == 0 {
		from.Month, to.Month = 1, 12
	}
	if from.Day == 0 {
		from.Day, to.Day = 1, lastDay(to.Year, to.Month)
	}
	dates := Dates{From: from.Date, To: to.Date}
	return dates, dates.problem()
}
