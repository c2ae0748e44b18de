/**
 * The cases of test/dataplane/cases, on a real Open vSwitch: what they say of it is what it does. A
 * difference from our switch stands in a case with its reason.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type OpenVswitchPeer, openVswitch } from '../fuzz/switch/open-vswitch.ts'
import { needs } from '../needs.ts'
import { outcome, readCases } from './cases.ts'

const files = ['fields', 'tags', 'ttl', 'actions', 'parsing', 'errors']

describe('Open vSwitch 3.1', needs('ovs'), () => {
  let peer: OpenVswitchPeer
  beforeAll(async () => {
    peer = await openVswitch()
  }, 30_000)
  afterAll(() => peer.close())

  test.each(files)(
    'does what the cases of %s say',
    async (file) => {
      for (const one of readCases(file)) {
        expect({ name: one.name, ...(await outcome(peer, one)) }).toEqual({
          name: one.name,
          ...one.openVswitch,
        })
      }
    },
    60_000,
  )
})
