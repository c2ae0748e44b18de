/**
 * Meters: exact counters of what came by, and bands as token buckets that drop or raise the drop
 * precedence of what is over their rate (OpenFlow 1.3.5 §5.7).
 * Neighbours: pipeline.ts calls pass(), dscp.ts does the remarking, bridge.ts the rest.
 */
import type { MessageOf } from '../../southbound/openflow/message.ts'
import {
  ALL_METERS,
  type MeterBand,
  meterCommand,
  meterFlags,
} from '../../southbound/openflow/meter.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { refuse } from './refusal.ts'

type KnownBand = Extract<MeterBand, { kind: 'drop' | 'dscp_remark' }>

interface Band {
  readonly band: KnownBand
  /** What may still pass now: bits or packets, times 1,000. */
  tokens: number
  packets: number
  bytes: number
}

export interface Meter {
  readonly meter_id: number
  readonly flags: number
  readonly bands: readonly Band[]
  packets: number
  bytes: number
  readonly createdAt: number
  filledAt: number
}

export type MeterMod = Omit<MessageOf<'meter_mod'>, 'type' | 'xid'>

/** What pass() answers beside a number of levels. */
export const METER = { pass: 0, drop: -1 } as const

export interface Meters {
  readonly all: ReadonlyMap<number, Meter>
  /**
   * Counts a packet of `size` bytes: METER.pass, METER.drop, or by how many levels its drop
   * precedence is to be raised.
   */
  pass(meter: Meter, size: number, now: number): number
  /** Carries out a meter-mod; throws a Refusal. Returns the ids of meters that are gone. */
  apply(mod: MeterMod, now: number): number[]
}

/** Highest meter_id of a flow, and the virtual ones, OpenFlow 1.3.5 §7.3.4.4. */
export const MAX_METER = 0xffff0000
export const SLOWPATH_METER = 0xfffffffd
export const CONTROLLER_METER = 0xfffffffe
const KNOWN_FLAGS = meterFlags.kbps | meterFlags.pktps | meterFlags.burst | meterFlags.stats
/** Assured forwarding has three drop precedences (RFC 2597). */
const MAX_LEVELS = 3

export function meters(limits: Limits = defaultLimits): Meters {
  const all = new Map<number, Meter>()
  const set = (mod: MeterMod, now: number, old: Meter | undefined) => {
    if (mod.bands.length > limits.bands) refuse('meter_mod_failed.out_of_bands')
    const bands = mod.bands.map((value): Band => {
      const band = checkedBand(value)
      return { band, tokens: capacity(band, mod.flags), packets: 0, bytes: 0 }
    })
    all.set(mod.meter_id, {
      meter_id: mod.meter_id,
      flags: mod.flags,
      bands,
      packets: old?.packets ?? 0,
      bytes: old?.bytes ?? 0,
      createdAt: old?.createdAt ?? now,
      filledAt: now,
    })
  }
  return {
    all,
    pass(meter, size, now) {
      meter.packets++
      meter.bytes += size
      const elapsed = now - meter.filledAt
      meter.filledAt = now
      const cost = 1000 * ((meter.flags & meterFlags.pktps) !== 0 ? 1 : size * 8)
      let exceeded: Band | undefined
      for (let i = 0; i < meter.bands.length; i++) {
        const band = meter.bands[i]!
        const { rate } = band.band
        // ms times packets a second, or ms times kbit/s: thousandths of a packet, or bits.
        const gain = elapsed * rate * ((meter.flags & meterFlags.pktps) !== 0 ? 1 : 1000)
        band.tokens = Math.min(capacity(band.band, meter.flags), band.tokens + gain)
        if (band.tokens >= cost) band.tokens -= cost
        else if (!exceeded || rate > exceeded.band.rate) exceeded = band
      }
      if (!exceeded) return METER.pass
      exceeded.packets++
      exceeded.bytes += size
      return exceeded.band.kind === 'drop' ? METER.drop : exceeded.band.prec_level
    },
    apply(mod, now) {
      const { command, meter_id, flags } = mod
      const old = all.get(meter_id)
      if (command === meterCommand.delete) {
        const ids = meter_id === ALL_METERS ? [...all.keys()] : old ? [meter_id] : []
        for (const id of ids) all.delete(id)
        return ids
      }
      if (command > meterCommand.delete) refuse('meter_mod_failed.bad_command', `${command}`)
      const virtual = meter_id === CONTROLLER_METER || meter_id === SLOWPATH_METER
      if (meter_id === 0 || (meter_id > MAX_METER && !virtual)) {
        refuse('meter_mod_failed.invalid_meter', `${meter_id}`)
      }
      const units = flags & (meterFlags.kbps | meterFlags.pktps)
      const wrongFlags = (flags & ~KNOWN_FLAGS) !== 0 || units === 0 || units === 3
      if (wrongFlags) refuse('meter_mod_failed.bad_flags', `0x${flags.toString(16)}`)
      if (command === meterCommand.add) {
        if (old) refuse('meter_mod_failed.meter_exists', `${meter_id}`)
        if (all.size >= limits.meters) refuse('meter_mod_failed.out_of_meters', `${all.size}`)
        set(mod, now, undefined)
      } else {
        if (!old) refuse('meter_mod_failed.unknown_meter', `${meter_id}`)
        set(mod, now, old)
      }
      return []
    },
  }
}

function checkedBand(band: MeterBand): KnownBand {
  if (band.kind !== 'drop' && band.kind !== 'dscp_remark') {
    return refuse('meter_mod_failed.bad_band', band.kind)
  }
  if (band.rate === 0) refuse('meter_mod_failed.bad_rate', '0')
  if (band.kind === 'dscp_remark' && (band.prec_level < 1 || band.prec_level > MAX_LEVELS)) {
    refuse('meter_mod_failed.bad_band_value', `prec_level ${band.prec_level}`)
  }
  return band
}

/** Burst of a band in thousandths of a bit or packet; without the burst flag, one second's worth. */
function capacity(band: { rate: number; burst_size: number }, flags: number): number {
  const units =
    (flags & meterFlags.burst) !== 0 && band.burst_size > 0 ? band.burst_size : band.rate
  return units * ((flags & meterFlags.pktps) !== 0 ? 1000 : 1_000_000)
}
