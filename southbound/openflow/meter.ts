/**
 * Meters: rate limits and exact counters of what a flow took. OpenFlow 1.3.5 §7.3.4.4. No bundle
 * takes them; they are added before and removed after. Neighbours: message.ts, multipart.ts.
 */
import { fixed, type PartOf, record, rest, tlvs } from '../wire/record.ts'
import { pad, struct, u8, u32 } from '../wire/struct.ts'

export const meterCommand = { add: 0, modify: 1, delete: 2 } as const
/** `flags`: unit of the rate, whether burst counts, whether statistics are kept. */
export const meterFlags = { kbps: 1, pktps: 2, burst: 4, stats: 8 } as const
/** meter_id of every meter, in deletions and requests. */
export const ALL_METERS = 0xffffffff

const REF = 'OpenFlow 1.3.5 §7.3.4.4'
export const bandRows = {
  drop: [1, fixed(struct('drop', REF, { rate: u32(), burst_size: u32(), pad: pad(32) }))],
  dscp_remark: [
    2,
    fixed(
      struct('dscp_remark', REF, {
        rate: u32(),
        burst_size: u32(),
        prec_level: u8(),
        pad: pad(24),
      }),
    ),
  ],
  experimenter: [
    0xffff,
    record(struct('experimenter', REF, { rate: u32(), burst_size: u32(), experimenter: u32() }), {
      data: rest,
    }),
  ],
} as const
export const bandsPart = tlvs(bandRows)
export type MeterBand = PartOf<typeof bandsPart>[number]

/**
 * A band that drops what is over `rate` (kb/s or packets/s by the meter's flags). Its burst is one
 * second's worth, spelled out: Open vSwitch makes that of a burst_size of 0 and reports it.
 */
export const dropBand = (rate: number): MeterBand => ({ kind: 'drop', rate, burst_size: rate })
