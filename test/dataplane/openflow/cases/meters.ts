/** meter_mod: every command and every error. */
import { ALL_METERS, type MeterBand } from '../../../../southbound/openflow/meter.ts'
import { meter } from '../messages.ts'
import type { Cases } from './case.ts'

const drop = (rate: number, burst_size = 0): MeterBand => ({ kind: 'drop', rate, burst_size })
const remark = (prec_level: number): MeterBand => ({
  kind: 'dscp_remark',
  rate: 100,
  burst_size: 0,
  prec_level,
})
const NO_REMARK = 'meter_mod_failed.bad_band'

export const meterCases: Cases = {
  'a meter of kilobits': { send: meter({ flags: 1 }), answer: '' },
  'a meter of packets with burst and statistics': {
    send: meter({ flags: 14 }, drop(10, 20), drop(30, 5)),
    answer: '',
  },
  'a meter without bands': {
    send: { ...meter(), bands: [] },
    answer: '',
    openVswitch: 'meter_mod_failed.out_of_bands',
  },
  'a band that remarks': { send: meter({}, remark(1)), answer: '', openVswitch: NO_REMARK },
  'a band that remarks by nothing': {
    send: meter({}, remark(0)),
    answer: 'meter_mod_failed.bad_band_value',
    openVswitch: NO_REMARK,
  },
  'a band that remarks by more than there is': {
    send: meter({}, remark(4)),
    answer: 'meter_mod_failed.bad_band_value',
    openVswitch: NO_REMARK,
  },
  'a band that nobody knows': {
    send: meter({}, { kind: 'unknown', type: 9, bytes: new Uint8Array(12) }),
    answer: 'meter_mod_failed.bad_band',
  },
  'a band of an experimenter': {
    send: meter(
      {},
      { kind: 'experimenter', rate: 1, burst_size: 0, experimenter: 9, data: new Uint8Array(0) },
    ),
    answer: 'meter_mod_failed.bad_band',
  },
  'more bands than a meter holds': {
    send: meter({}, ...Array.from({ length: 9 }, (_, i) => drop(i + 1))),
    answer: 'meter_mod_failed.out_of_bands',
  },
  'a meter that exists': {
    before: [meter()],
    send: meter(),
    answer: 'meter_mod_failed.meter_exists',
  },
  'a MODIFY of a meter': { before: [meter()], send: meter({ command: 1 }, drop(7)), answer: '' },
  'a MODIFY of a meter that does not exist': {
    send: meter({ command: 1 }),
    answer: 'meter_mod_failed.unknown_meter',
  },
  'a DELETE of a meter that does not exist': { send: meter({ command: 2 }), answer: '' },
  'a DELETE of all meters': {
    before: [meter()],
    send: meter({ command: 2, meter_id: ALL_METERS }),
    answer: '',
  },
  'meter 0': { send: meter({ meter_id: 0 }), answer: 'meter_mod_failed.invalid_meter' },
  'a number over OFPM_MAX': {
    send: meter({ meter_id: 0xffff0001 }),
    answer: 'meter_mod_failed.invalid_meter',
  },
  'the virtual meter of packet-ins': { send: meter({ meter_id: 0xfffffffe }), answer: '' },
  'the virtual meter of the slow path': { send: meter({ meter_id: 0xfffffffd }), answer: '' },
  'a meter command that nobody knows': {
    send: meter({ command: 3 }),
    answer: 'meter_mod_failed.bad_command',
  },
  'a meter of no unit': { send: meter({ flags: 0 }), answer: 'meter_mod_failed.bad_flags' },
  'a meter of two units': { send: meter({ flags: 3 }), answer: 'meter_mod_failed.bad_flags' },
  'meter flags that no specification has': {
    send: meter({ flags: 0x11 }),
    answer: 'meter_mod_failed.bad_flags',
  },
}
