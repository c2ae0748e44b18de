/** Echo requests to the VTEP: what is answered, byte for byte, and what is not. Neighbour: ../../../dataplane/tunnel/echo.ts. */
import { expect, test } from 'vitest'
import { parseIpv4 } from '../../../southbound/wire/address.ts'
import { icmpEchoFrame } from '../../../southbound/wire/frame.ts'
import { OUR_MAC, PEER_MAC, tunnelled } from './station.ts'

const echo = (kind: 'request' | 'reply', from: [number, string], to: [number, string], size = 8) =>
  icmpEchoFrame({
    ...{ kind, identifier: 7, sequence: 9, payload: new Uint8Array(size).fill(0xab) },
    ...{ eth_src: from[0], ipv4_src: parseIpv4(from[1]), dontFragment: true },
    ...{ eth_dst: to[0], ipv4_dst: parseIpv4(to[1]) },
  })
const US: [number, string] = [OUR_MAC, '192.0.2.11']
const PEER: [number, string] = [PEER_MAC, '192.0.2.12']
const hex = (frame: Uint8Array | undefined) => Buffer.from(frame ?? []).toString('hex')

test('an echo request over IPv4 is answered with what it carried, up to the MTU', async () => {
  const { inject, take, close } = await tunnelled({ underlayMtuBytes: 1500 })
  for (const size of [8, 1472]) {
    await inject(echo('request', PEER, US, size))
    const [answer] = take()
    // As a host that says the same, but for the fields that are its own: ID and TTL.
    const fields = (frame: Uint8Array | undefined) =>
      hex(frame?.subarray(0, 18)) + hex(frame?.subarray(23, 24)) + hex(frame?.subarray(26))
    expect(fields(answer)).toBe(fields(echo('reply', US, PEER, size)))
  }
  await inject(echo('request', PEER, US, 1473))
  expect(take()).toEqual([])
  close()
})

test('an echo request over IPv6 is answered', async () => {
  const { inject, take, close } = await tunnelled()
  // 2001:db8::12 asks 2001:db8::11: identifier 7, sequence 9, the byte 0xab.
  const [peer, us] = ['20010db8000000000000000000000012', '20010db8000000000000000000000011']
  const frame = (dst: string, src: string, from: string, to: string, icmp: string, hops: string) =>
    Uint8Array.from(Buffer.from(`${dst}${src}86dd60000000000a3a${hops}${from}${to}${icmp}`, 'hex'))
  const [ourMac, peerMac] = ['0a0000000001', '0a0000000002']
  const message = (type: number, checksum: number) =>
    `${type.toString(16)}00${checksum.toString(16).padStart(4, '0')}00070009ab00`
  await inject(frame(ourMac, peerMac, peer, us, message(128, 0x78f5), '40'))
  const [answer] = take()
  expect(hex(answer)).toBe(hex(frame(peerMac, ourMac, us, peer, message(129, 0x77f5), '40')))
  close()
})

test('what is for another address, a broadcast, a fragment, from ourselves or an answer is not answered', async () => {
  const { inject, take, close } = await tunnelled()
  const fragment = echo('request', PEER, US)
  fragment.set([0x20, 0], 20)
  const frames = [
    echo('request', PEER, [OUR_MAC, '192.0.2.77']),
    echo('request', PEER, [0xffff_ffff_ffff, '192.0.2.11']),
    echo('request', [PEER_MAC, '192.0.2.11'], US),
    echo('request', [PEER_MAC, '224.0.0.1'], US),
    echo('reply', PEER, US),
    fragment,
    echo('request', PEER, US).subarray(0, 40),
  ]
  await inject(...frames)
  expect(take()).toEqual([])
  close()
})
