/** A walk as lines for people. */
import { expect, test } from 'vitest'
import { type Traced, traceText } from '../../../controller/trace/text.ts'

const traced: Traced = {
  ...{ from: 'acme/vm1', to: 'acme/vm2', verdict: 'dropped' },
  walks: [
    { what: 'ARP: who has 10.0.0.12?', verdict: 'answered', hops: [] },
    {
      ...{ what: 'UDP to 10.0.0.12 port 53', verdict: 'dropped' },
      hops: [
        {
          ...{ host: 'h1', by: 'port 1', frameBytes: 60 },
          stages: [
            {
              ...{ stage: 'peer', from: ['host/h1', 'network/acme/web', 'port/acme/vm1'] },
              flow: 'table=8, priority=100,reg1=0x1,tun_src=192.0.2.11 actions=set_field:0x1->reg0,goto_table:50',
            },
            { stage: 'l2', from: [] },
          ],
          ends: [{ kind: 'dropped', reason: 'no_flow', sentence: 'no flow matched' }],
        },
      ],
    },
  ],
  fault: { reason: 'no_flow', sentence: 'no flow matched', host: 'h1' },
  advice: [{ says: 'plug it in', proven: true }],
}
const lines = (columns: number, isBrief = false) =>
  traceText(traced, { columns, isBrief }).map(({ text }) => text)

test('long flows go on below themselves, what they match and what they do apart', () => {
  expect(lines(80, true)).toEqual([
    'ARP: who has 10.0.0.12?: answered',
    'UDP to 10.0.0.12 port 53: dropped',
    '  h1, by port 1, 60 bytes',
    '    stage  of                        flow',
    '    peer   host/h1,                  priority=100,reg1=0x1,tun_src=192.0.2.11',
    '           network/acme/web,           actions=set_field:0x1->reg0,goto_table:50',
    '           port/acme/vm1',
    '    l2                               no flow matches',
    '    -> dropped: no_flow, no flow matched',
    '',
    'acme/vm1 -> acme/vm2 dropped on h1: no_flow, no flow matched',
    '  plug it in (tried on a copy of the site: it arrives)',
  ])
})

test('no line is wider than asked for, and none is lost', () => {
  for (const columns of [60, 70, 100, 140]) {
    expect(Math.max(...lines(columns).map((line) => line.length))).toBeLessThanOrEqual(columns)
    const words = lines(columns).join('').replaceAll(' ', '')
    for (const word of ['priority=100,reg1=0x1', 'goto_table:50', 'tun_src=192.0.2.11'])
      expect(words).toContain(word)
  }
})
