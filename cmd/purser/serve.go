package main

import (
	"context"

	"github.com/spf13/cobra"
)

// newServe is `purser serve`: the server for production.
func newServe(p *program) *cobra.Command {
	s := &server{program: p}
	command := &cobra.Command{
		Use:   "serve",
		Short: "Run the server for production",
		Long: "Runs the Wallet API for production: no sample data, a key-encryption key, and TLS or a proxy that\n" +
			"ends it. A setting comes from its flag, else from the environment variable named behind it, else\n" +
			"from the TOML file, else it has its default. docs/operations.md says more.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return runServe(command.Context(), s) },
	}
	settings(p, command, &s.config, s.config.common, s.config.production)
	return command
}

func runServe(ctx context.Context, s *server) (err error) {
	if err := s.config.check(); err != nil {
		return err
	}
	defer func() { err = s.ended(ctx, err) }()
	if err := s.openLog(s.err, false); err != nil {
		return err
	}
	if len(s.config.unknown) > 0 {
		s.log.Warn("the environment has variables that are no settings: are they spelled rightly?", "names", s.config.unknown)
	}
	sender, err := s.openSender()
	if err != nil {
		return err
	}
	if err := s.openFolder(); err != nil {
		return err
	}
	s.told, s.owed = make(chan struct{}, 1), make(chan struct{}, 1)
	uses, db, err := s.openService(ctx, s.databaseAddress(), s.config.kek, false)
	if err != nil {
		return err
	}
	s.closing(db.Close)
	if err := s.refuseWorld(); err != nil {
		return err
	}
	s.service = uses
	s.callbacks = s.callbackCourier(false)
	if err := s.listen(db, false); err != nil {
		return err
	}
	if err := s.monitor(db); err != nil {
		return err
	}
	if err := s.listenOperator(); err != nil {
		return err
	}
	if err := s.startCourier(sender); err != nil {
		return err
	}
	s.startCallbacks()
	s.log.Info("purser answers", "address", s.address)
	err = s.wait(ctx)
	s.log.Info("purser stops")
	return err
}

// databaseAddress is where serve keeps its data.
func (s *server) databaseAddress() string {
	if s.config.database != "" {
		return s.config.database
	}
	return "sqlite:" + s.folder.file(dataFile)
}
