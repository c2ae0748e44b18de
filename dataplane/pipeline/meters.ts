/**
 * Meters: exact counters of what came by, and drop bands as token buckets (OpenFlow 1.3.5 §5.7).
 * Bands that remark DSCP are refused, as Open vSwitch's userspace datapath does.
 * Neighbours: pipeline.ts calls pass(), bridge.ts the rest.
 */
import type { MessageOf } from '../../southbound/openflow/message.ts'
import {
  ALL_METERS,
  type MeterBand,
  meterCommand,
  meterFlags,
} from '../../southbound/openflow/meter.ts'
import { refuse } from './refusal.ts'

interface Band {
  readonly band: Extract<MeterBand, { kind: 'drop' }>
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

export interface Meters {
  readonly all: ReadonlyMap<number, Meter>
  /** Counts a packet of `size` bytes; false when a drop band takes it. */
  pass(meter: Meter, size: number, now: number): boolean
  /** Carries out a meter-mod; throws a Refusal. Returns the ids of meters that are gone. */
  apply(mod: MeterMod, now: number): number[]
}

/** Highest meter_id, OpenFlow 1.3.5 §7.3.4.4. */
const MAX_METER = 0xffff0000
const KNOWN_FLAGS = meterFlags.kbps | meterFlags.pktps | meterFlags.burst | meterFlags.stats

export function meters(): Meters {
  const all = new Map<number, Meter>()
  const set = (mod: MeterMod, now: number, old: Meter | undefined) => {
    const bands = mod.bands.map((band): Band => {
      if (band.kind !== 'drop') refuse('meter_mod_failed.bad_band', band.kind)
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
      if (!exceeded) return true
      exceeded.packets++
      exceeded.bytes += size
      return false
    },
    apply(mod, now) {
      const old = all.get(mod.meter_id)
      if (mod.command === meterCommand.delete) {
        const ids = mod.meter_id === ALL_METERS ? [...all.keys()] : old ? [mod.meter_id] : []
        for (const id of ids) all.delete(id)
        return ids
      }
      if (mod.command > meterCommand.delete) refuse('meter_mod_failed.bad_command')
      const wrongId = mod.meter_id === 0 || mod.meter_id > MAX_METER
      if (wrongId) refuse('meter_mod_failed.invalid_meter', `${mod.meter_id}`)
      const units = mod.flags & (meterFlags.kbps | meterFlags.pktps)
      const wrongFlags = (mod.flags & ~KNOWN_FLAGS) !== 0 || units === 0 || units === 3
      if (wrongFlags) refuse('meter_mod_failed.bad_flags', `0x${mod.flags.toString(16)}`)
      if (mod.command === meterCommand.add) {
        if (old) refuse('meter_mod_failed.meter_exists', `${mod.meter_id}`)
        set(mod, now, undefined)
      } else {
        if (!old) refuse('meter_mod_failed.unknown_meter', `${mod.meter_id}`)
        set(mod, now, old)
      }
      return []
    },
  }
}

/** Burst of a band in thousandths of a bit or packet; without the burst flag, one second's worth. */
function capacity(band: { rate: number; burst_size: number }, flags: number): number {
  const units =
    (flags & meterFlags.burst) !== 0 && band.burst_size > 0 ? band.burst_size : band.rate
  return units * ((flags & meterFlags.pktps) !== 0 ? 1000 : 1_000_000)
}
