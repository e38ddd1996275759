// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/elastic/elastic-agent-client/v7/pkg/proto"

	"github.com/threatqbeat/threatqbeat/config/secrets"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
)

// checkins stands between the client of Elastic Agent and the connection, and
// makes up for what Libbeat's manager lacks:
//
//   - It dereferences a nil pointer when an output is to stop, and Elastic Agent
//     says so before each stop of a component. An output has nothing to do once
//     the inputs have stopped, so it is reported as stopped as soon as they are;
//     what is in the queue then is published until the process ends. An output
//     that is to stop while inputs go on, because its configuration became wrong,
//     stays as it was. A Libbeat with elastic/beats#51247, which closes
//     elastic/beats#41796, doesn't need it.
//   - It reports no state of an input without streams. The settings of such an
//     input become its only stream. To be reported to elastic/beats:
//     GetReporterForStreamByIndex of unit.go has no reporter for it.
//   - It keeps the states of an input's streams by their ids, so that of two with
//     one id only the last state remains. The second gets another id. To be
//     reported to elastic/beats: getStreamStates of unit.go.
//   - It reports an output as healthy whatever the output says. To be reported to
//     elastic/beats: the pipeline has no way to tell the manager, nor has an output.
//     An input whose health changes because of the output is reported at once, and
//     the output with it.
//   - It reports an input as healthy while its streams are being configured. To be
//     reported to elastic/beats: calcState of unit.go.
type checkins struct {
	mu       sync.Mutex
	stopping map[string]bool // ids of the output units that are to stop
	health   *health.Board   // nil before the inputs can run
}

// watch has the output reported as degraded when the inputs say so.
func (c *checkins) watch(board *health.Board) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.health = board
}

// intercept is a grpc.StreamClientInterceptor.
func (c *checkins) intercept(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := streamer(ctx, desc, conn, method, opts...)
	if err != nil || !strings.HasSuffix(method, "/CheckinV2") {
		return stream, err
	}
	return &checkinStream{ClientStream: stream, checkins: c}, nil
}

type checkinStream struct {
	grpc.ClientStream
	checkins *checkins
}

// RecvMsg receives what Elastic Agent expects.
func (s *checkinStream) RecvMsg(m any) error {
	if err := s.ClientStream.RecvMsg(m); err != nil {
		return err
	}
	if expected, ok := m.(*proto.CheckinExpected); ok {
		s.checkins.expect(expected.GetUnits())
	}
	return nil
}

// SendMsg sends the states of the units.
func (s *checkinStream) SendMsg(m any) error {
	if observed, ok := m.(*proto.CheckinObserved); ok {
		s.checkins.observe(observed.GetUnits())
	}
	return s.ClientStream.SendMsg(m)
}

func (c *checkins) expect(units []*proto.UnitExpected) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, unit := range units {
		secrets.LearnSettings(unit.GetConfig().GetSource().AsMap())
		for _, stream := range unit.GetConfig().GetStreams() {
			secrets.LearnSettings(stream.GetSource().AsMap())
		}
		switch {
		case unit.GetType() == proto.UnitType_INPUT:
			addStream(unit.GetConfig())
			tellApart(unit.GetConfig().GetStreams())
		case unit.GetState() == proto.State_STOPPED:
			if c.stopping == nil {
				c.stopping = map[string]bool{}
			}
			c.stopping[unit.GetId()] = true
			unit.State = proto.State_HEALTHY
		default:
			delete(c.stopping, unit.GetId())
		}
	}
}

// addStream makes a stream of the settings of an input that has none.
func addStream(input *proto.UnitExpectedConfig) {
	if input == nil || len(input.GetStreams()) > 0 {
		return
	}
	input.Streams = []*proto.Stream{{Id: input.GetId(), DataStream: input.GetDataStream(), Source: input.GetSource()}}
}

// tellApart gives each stream of an input an id of its own. What Libbeat makes of
// a stream without an id serves as one. The id of the policy stays in the settings.
func tellApart(streams []*proto.Stream) {
	seen := map[string]bool{}
	for i, stream := range streams {
		id := stream.GetId()
		if id != "" && seen[id] {
			if stream.Source == nil {
				stream.Source = &structpb.Struct{}
			}
			if stream.Source.Fields == nil {
				stream.Source.Fields = map[string]*structpb.Value{}
			}
			stream.Source.Fields["id"] = structpb.NewStringValue(id)
			stream.Id = fmt.Sprintf("%s.[%d]", id, i)
		}
		seen[id] = true
	}
}

func (c *checkins) observe(units []*proto.UnitObserved) {
	c.mu.Lock()
	defer c.mu.Unlock()
	running := false
	for _, unit := range units {
		if unit.GetType() != proto.UnitType_INPUT {
			continue
		}
		running = running || unit.GetState() != proto.State_STOPPED
		if unit.GetState() == proto.State_HEALTHY && configuring(unit) {
			unit.State, unit.Message = proto.State_CONFIGURING, "Configuring"
		}
	}
	for _, unit := range units {
		if unit.GetType() != proto.UnitType_OUTPUT {
			continue
		}
		if c.stopping[unit.GetId()] && !running {
			unit.State, unit.Message = proto.State_STOPPED, "Stopped"
		} else if c.health != nil && unit.GetState() == proto.State_HEALTHY {
			if output := c.health.WorstOf(health.Output); output.State >= health.Degraded {
				unit.State, unit.Message = proto.State_DEGRADED, output.Reason
			}
		}
	}
}

// configuring tells whether a stream of an input is still being started.
func configuring(unit *proto.UnitObserved) bool {
	for _, stream := range unit.GetPayload().GetFields()["streams"].GetStructValue().GetFields() {
		switch stream.GetStructValue().GetFields()["status"].GetStringValue() {
		case proto.State_STARTING.String(), proto.State_CONFIGURING.String():
			return true
		}
	}
	return false
}
