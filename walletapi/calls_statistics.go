package walletapi

import "context"

// What is about figures.

// Statistics are the counters of the project of the client (InProject), by currency and by day or place.
func (c *Client) Statistics(ctx context.Context, f StatisticsFilter) (*Statistics, error) {
	return get[Statistics](ctx, c, f.params(), "/stats")
}

// ProjectsOverview is how all projects of the user of the token were at one moment; purser's own. The page is a thousand long where it
// says nothing, and ten thousand at most.
func (c *Client) ProjectsOverview(ctx context.Context, page Page) (*Overview, error) {
	p := params{}
	p.page(page)
	return get[Overview](ctx, c, p, "/projects/overview")
}

// ProjectStatistics are the Statistics of all projects of the user of the token, asked for at once. For sums that agree with each
// other there is ProjectsOverview.
func (c *Client) ProjectStatistics(ctx context.Context, f StatisticsFilter) ([]ProjectResult[*Statistics], error) {
	projects, err := c.UserProjects(ctx, Me)
	if err != nil {
		return nil, err
	}
	return EachProject(ctx, c, projects, func(ctx context.Context, in *Client, _ Project) (*Statistics, error) {
		return in.Statistics(ctx, f)
	}), nil
}
