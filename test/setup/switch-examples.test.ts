/**
 * The session of dataplane/README.md, `ovs-vsctl` and `ovs-ofctl` on `weft switch` from the packed tarball, printed
 * there as it ran. Neighbour: examples.ts.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execPath, kill } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../needs.ts'
import { machinePath, root, runIn } from './checkout.ts'
import { examplesOf, installTarball } from './examples.ts'

const examples = examplesOf(readFileSync(join(root, 'dataplane', 'README.md'), 'utf8'))

describe('the session of dataplane/README.md', needs('ovs', 'testController'), () => {
  let installed: Awaited<ReturnType<typeof installTarball>>
  beforeAll(async () => {
    installed = await installTarball()
    for (const { name, source } of examples) writeFileSync(join(installed.folder, name), source)
  })
  afterAll(() => {
    if (installed === undefined) return
    const left = join(installed.folder, 'run', 'weft-switch.pid')
    if (existsSync(left)) kill(Number(readFileSync(left, 'utf8')))
    installed.remove()
  })

  test('has a script for each step', () => {
    expect(examples.length).toBeGreaterThan(4)
    expect(examples.filter(({ output }) => output === undefined)).toEqual([])
  })

  test.each(examples)('$name prints what the README says', async ({ name, output }) => {
    const commands = `${dirname(execPath)}:${machinePath}:/usr/sbin:/sbin`
    const env = { OVS_RUNDIR: join(installed.folder, 'run'), NPM_CONFIG_LOGLEVEL: 'error' }
    const { code, stdout, stderr } = await runIn(
      installed.folder,
      commands,
      ['timeout', '60', 'sh', name],
      env,
    )
    expect(stderr + stdout).toBe(output)
    expect(code).toBe(0)
  })
})
