/** A site with one host of kind vtep, whose port reaches one of an ovs host, and the device that is that host. */
import { afterEach, beforeEach } from 'vitest'
import { put } from '../model/site.ts'
import { openSite, type TestSite, until } from './site.ts'
import { type VtepDevice, vtepDevice } from './vtep-device.ts'

/** Host v1 of kind vtep with the port near on eth1, and the port far on h1, an ovs host. */
export const vtepSite = [
  put('host', 'v1', { kind: 'vtep', vtepAddress: '192.0.2.21' }),
  put('port', 'acme/near', {
    network: 'web',
    mac: '02:00:00:00:00:21',
    addresses: ['10.0.0.21'],
    hostId: 'v1',
    interface: 'eth1',
  }),
  put('port', 'acme/far', {
    network: 'web',
    mac: '02:00:00:00:00:31',
    addresses: ['10.0.0.31', '10.0.0.32'],
    hostId: 'h1',
    ofport: 1,
  }),
]

/** The rows of the device when all is right, as VtepDevice.shown. */
export const whole = [
  'bound eth1 0 acme/web with ACL',
  'flood acme/web unknown-dst -> 192.0.2.1',
  'mac acme/web 02:00:00:00:00:31 10.0.0.31 -> 192.0.2.1',
  'mac acme/web 02:00:00:00:00:31 10.0.0.32 -> 192.0.2.1',
  'switch acme/web 5001 source_node {"weft-mtu":"1450","weft-unknown-unicast":"drop"}',
]

/** Opened before each test and closed after it. A test may put another `device` there. */
export function vtepScene() {
  let site: TestSite
  let device: VtepDevice
  beforeEach(async () => {
    site = await openSite(...vtepSite)
    device = vtepDevice('v1', { address: '192.0.2.21', ports: ['eth1', 'eth2'] })
  })
  afterEach(() => site.close())

  return {
    get site() {
      return site
    },
    get device() {
      return device
    },
    set device(other) {
      device = other
    },
    dial: (from = device) => site.dialFrom(from.database, '198.51.100.21'),
    becomes: (rows: readonly string[]) =>
      until(`rows ${rows.join('; ')}, not ${device.shown().join('; ')}`, () => {
        return device.shown().join() === rows.join()
      }),
    drifts: () => site.events('drift').map(({ message }) => message),
    commit: (...edits: ReturnType<typeof put>[]) => site.store.commit(edits, { who: 'test' }),
    ourSwitch: () => device.rows('Logical_Switch').find(({ name }) => name.startsWith('weft-')),
  }
}
