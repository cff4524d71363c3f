package service

import (
	"context"
	"errors"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// StatisticsQuery says which statistics are asked for. The zero query is of the last wallet.OverviewDays, by currency alone.
type StatisticsQuery struct {
	// From and To are any time of the first and of the last day, in UTC.
	From, To time.Time
	By       wallet.StatisticsGroup
}

// Statistics returns the counters of the project that the caller speaks for, as they are at one moment. It fails with Forbidden,
// with InvalidParameters for days in the wrong order or too many of them, and like Caller.Project.
func (s *Service) Statistics(ctx context.Context, c wallet.Caller, query StatisticsQuery) (wallet.Statistics, error) {
	// The project is looked at even where it is none of the client's: what would have to be granted depends on whose it is.
	subject := wallet.Subject{}
	project, unclear := c.Project()
	if unclear == nil {
		var err error
		if subject, err = s.subjectOfProject(ctx, c, project); err != nil {
			return wallet.Statistics{}, err
		}
	}
	subject.OwnProject = true
	if err := errors.Join(wallet.May(c, wallet.ReadStatistics, subject).Err(), unclear); err != nil {
		return wallet.Statistics{}, err
	}
	if subject.Project == nil {
		return wallet.Statistics{}, noSuch(projectObject, project)
	}
	from, to, err := query.days(s.BusinessClock())
	if err != nil {
		return wallet.Statistics{}, err
	}
	if query.By == "" {
		query.By = wallet.ByCurrency
	}
	return s.db.Statistics(ctx, project, from, to, query.By)
}

// days are the first and the last day that are asked for. Without To they end today; without it and with From, no sooner than
// they begin and within what is counted at most.
func (q StatisticsQuery) days(now time.Time) (from, to wallet.Day, err error) {
	to = wallet.DayOf(now)
	if !q.From.IsZero() {
		from = wallet.DayOf(q.From)
		to = min(max(to, from), from+wallet.MaxStatisticsDays-1)
	}
	if !q.To.IsZero() {
		to = wallet.DayOf(q.To)
	}
	if q.From.IsZero() {
		from = max(to-wallet.OverviewDays+1, 0)
	}
	switch {
	case from > to:
		return 0, 0, wallet.FieldError("from", "must not be after to")
	case to-from >= wallet.MaxStatisticsDays:
		return 0, 0, wallet.FieldError("from", "must be at most %d days before to: ask for one year after another", wallet.MaxStatisticsDays)
	}
	return from, to, nil
}

// Overview is what a user sees of all their projects at one moment.
type Overview struct {
	At       time.Time
	Projects []wallet.ProjectOverview
}

// ProjectsOverview returns funds, flows and open places of all projects that the token's user administers, by id and all
// as they were at one moment. It fails with Forbidden without a token that carries the scopes projects and balance.
func (s *Service) ProjectsOverview(ctx context.Context, c wallet.Caller) (Overview, error) {
	if err := wallet.May(c, wallet.ReadOverview, wallet.Subject{User: &wallet.User{ID: c.UserID()}}).Err(); err != nil {
		return Overview{}, err
	}
	projects, at, err := s.db.Overview(ctx, c.UserID())
	return Overview{at, projects}, err
}
