/** Peers that dial a TLS listener and say nothing: they are bounded, end, and keep nobody out. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { DAY_S, openTlsSite, startWeftHost } from '../controller/tls/site.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

test('of 1,100 silent peers the oldest go at once, the rest in time, and a host comes in meanwhile', async () => {
  const { pki, ovsdb, event, close } = await openTlsSite()
  cleanups.push(close)
  const silent: Socket[] = []
  cleanups.push(() => silent.map((socket) => socket.destroy()))
  let ended = 0
  for (let i = 0; i < 1100; i++) {
    const socket = connect(Number(ovsdb.split(':')[2]), '127.0.0.1')
    socket.on('error', () => {}).on('close', () => ended++)
    await once(socket.resume(), 'connect')
    silent.push(socket)
  }
  await event('tls_refused', 'more than 1024 peers were in their handshakes')
  const host = startWeftHost('h1', pki.issueHost('h1', { validSeconds: DAY_S }), ovsdb)
  cleanups.push(() => host.close())
  await event('host_connected', 'h1')
  expect(ended).toBeLessThan(1100)
  await event('tls_refused', 'handshake timeout')
  await Promise.all(silent.map((socket) => socket.closed || once(socket, 'close')))
})
