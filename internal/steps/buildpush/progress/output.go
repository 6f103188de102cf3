package progress

import "slices"

// output takes a piece of what a step writes, and holds its lines.
func (s *step) output(l *Log, v vertexLog) {
	stream := &s.streams[0]
	if v.Stream == 2 {
		stream = &s.streams[1]
	}
	stream.write(v.Data, func(line []byte) { s.hold(l, line) })
}

// flush ends a last line that has no newline.
func (s *step) flush(l *Log) {
	for i := range s.streams {
		s.streams[i].flush(func(line []byte) { s.hold(l, line) })
	}
}

func (s *step) hold(l *Log, line []byte) {
	text := clean(line)
	s.held = append(s.held, text)
	s.size += cost(text)
	l.held += cost(text)
	if s.tail = append(s.tail, text); len(s.tail) > 2*maxTail {
		s.tail = slices.Clone(s.tail[len(s.tail)-maxTail:])
	}
	if s.size > maxHeld || l.held > maxAllHeld {
		half := (len(s.held) + 1) / 2
		for _, line := range s.held[:half] {
			s.size -= cost(line)
			l.held -= cost(line)
		}
		s.held = slices.Clone(s.held[half:])
		s.dropped += half
	}
}

// cost is what a line takes in memory, in bytes.
func cost(line string) int { return len(line) + 16 }
