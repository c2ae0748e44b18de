/** Open vSwitch's own Python library, in a program of ours, on ovsdb-server and on our server. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { needs } from '../../needs.ts'
import { ownPeer, type Peer, realPeer } from './peers.ts'

const execute = promisify(execFile)
const program = new URL('./idl.py', import.meta.url).pathname

async function run(peer: Peer): Promise<string> {
  try {
    const arguments_ = [program, `unix:${peer.path}`]
    const { stdout } = await execute('/usr/bin/python3', arguments_, { timeout: 20_000 })
    return stdout.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '(id)')
  } finally {
    await peer.close()
  }
}

describe('the Python IDL', needs('ovs', 'pythonOvs'), () => {
  test('syncs, transacts, waits and locks on our server as on ovsdb-server', async () => {
    const [real, own] = [await run(await realPeer()), await run(await ownPeer())]
    expect(own).toBe(real)
    expect(own).toMatch(/synced[\s\S]*stale try again[\s\S]*passed on\nreconnected[\s\S]*collected/)
  }, 40_000)
})
