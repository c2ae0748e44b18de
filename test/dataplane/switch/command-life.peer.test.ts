/** `weft switch` as a process: how it ends, starts again, and refuses to start. Neighbours: command.peer.test.ts, process.ts. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { needs } from '../../needs.ts'
import { start, startSwitch } from './process.ts'

const weft = fileURLToPath(new URL('../../../bin/weft.ts', import.meta.url))

describe('weft switch that ends and starts', needs('ovs'), () => {
  test('killed, it has its bridges, ports and their numbers again from its file', async () => {
    const host = await startSwitch('--db', 'DIR/conf.db')
    try {
      await host.vsctl('add-br', 'br0', '--', 'set-fail-mode', 'br0', 'secure')
      await host.vsctl(
        'add-port',
        'br0',
        'p1',
        '--',
        'set',
        'Interface',
        'p1',
        'type=dummy',
        'ofport_request=7',
      )
      const before = await host.vsctl('get', 'Bridge', 'br0', 'datapath_id')
      await host.restart('SIGKILL')
      expect(await host.vsctl('get', 'Bridge', 'br0', 'datapath_id')).toBe(before)
      expect(await host.ofctl('show', 'br0')).toMatch(/ 7\(p1\)/)
    } finally {
      await host.close()
    }
  })

  test('SIGTERM ends it with 0, and no socket is left', async () => {
    const host = await startSwitch()
    await host.vsctl('add-br', 'br0')
    expect(await host.process.end('SIGTERM')).toMatchObject({ code: 0 })
    expect(readdirSync(host.folder)).toEqual([])
    rmSync(host.folder, { recursive: true })
  })

  test('a second one on the same folder says so in one sentence, and the first goes on', async () => {
    const host = await startSwitch()
    await host.vsctl('add-br', 'br0')
    const second = await start(execPath, [weft, 'switch'], host.env).end()
    expect(second).toEqual({
      code: 1,
      stdout: '',
      stderr: `weft: ${host.folder}/db.sock is served: another switch runs there; --rundir FOLDER chooses another folder\n`,
    })
    expect(await host.ofctl('show', 'br0')).toContain('LOCAL(br0)')
    await host.close()
  })

  test('without the right to write there, it says which option helps', needs('root'), () => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-closed-'))
    const nobody = { uid: 65534, gid: 65534, encoding: 'utf8' as const }
    const { stderr, status } = spawnSync(
      execPath,
      [weft, 'switch', '--rundir', join(folder, 'run')],
      nobody,
    )
    expect({ stderr, status }).toEqual({
      status: 1,
      stderr: `weft: no right to write ${folder}/run; --rundir FOLDER chooses another folder\n`,
    })
    rmSync(folder, { recursive: true })
  })

  test('a remote and an underlay that are none are refused in one sentence', async () => {
    const refused = async (...args: string[]) =>
      (
        await start(
          execPath,
          [weft, 'switch', '--rundir', join(tmpdir(), 'weft-none'), ...args],
          process.env,
        ).end()
      ).stderr
    expect(await refused('--remote', 'nonsense')).toMatch(
      /^weft: --remote nonsense: 'nonsense' is no endpoint.*\n$/,
    )
    expect(await refused('--rundir', weft)).toMatch(
      /^weft: .*: it is no folder; --rundir FOLDER chooses another folder\n$/,
    )
    expect(await refused('--underlay', 'pigeon')).toMatch(
      /^weft: --underlay pigeon would be udp.*\n$/,
    )
    expect(await refused('--tls-key', 'k.pem')).toMatch(/^weft: k\.pem alone is not enough.*\n$/)
    rmSync(join(tmpdir(), 'weft-none'), { recursive: true, force: true })
  })
})
