// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"context"
	"strings"
	"sync"

	"google.golang.org/grpc"

	"github.com/elastic/elastic-agent-client/v7/pkg/proto"
)

// outputStops keeps Libbeat's manager from being told that an output is to stop.
// It dereferences a nil pointer then (elastic/beats#41796), and Elastic Agent says
// so before each stop of a component.
//
// An output has nothing to do once the inputs have stopped, so it is reported as
// stopped as soon as they are. What is in the queue then is published until the
// process ends. An output that is to stop while inputs go on, because its
// configuration became wrong, stays as it was.
type outputStops struct {
	mu       sync.Mutex
	stopping map[string]bool // ids of the output units that are to stop
}

// intercept is a grpc.StreamClientInterceptor.
func (o *outputStops) intercept(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := streamer(ctx, desc, conn, method, opts...)
	if err != nil || !strings.HasSuffix(method, "/CheckinV2") {
		return stream, err
	}
	return &outputStopsStream{ClientStream: stream, stops: o}, nil
}

type outputStopsStream struct {
	grpc.ClientStream
	stops *outputStops
}

// RecvMsg receives what Elastic Agent expects.
func (s *outputStopsStream) RecvMsg(m any) error {
	if err := s.ClientStream.RecvMsg(m); err != nil {
		return err
	}
	if expected, ok := m.(*proto.CheckinExpected); ok {
		s.stops.expect(expected.GetUnits())
	}
	return nil
}

// SendMsg sends what is the case.
func (s *outputStopsStream) SendMsg(m any) error {
	if observed, ok := m.(*proto.CheckinObserved); ok {
		s.stops.observe(observed.GetUnits())
	}
	return s.ClientStream.SendMsg(m)
}

func (o *outputStops) expect(units []*proto.UnitExpected) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, unit := range units {
		if unit.GetType() != proto.UnitType_OUTPUT {
			continue
		}
		if unit.GetState() != proto.State_STOPPED {
			delete(o.stopping, unit.GetId())
			continue
		}
		if o.stopping == nil {
			o.stopping = map[string]bool{}
		}
		o.stopping[unit.GetId()] = true
		unit.State = proto.State_HEALTHY
	}
}

func (o *outputStops) observe(units []*proto.UnitObserved) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, unit := range units {
		if unit.GetType() == proto.UnitType_INPUT && unit.GetState() != proto.State_STOPPED {
			return
		}
	}
	for _, unit := range units {
		if unit.GetType() == proto.UnitType_OUTPUT && o.stopping[unit.GetId()] {
			unit.State, unit.Message = proto.State_STOPPED, "Stopped"
		}
	}
}
