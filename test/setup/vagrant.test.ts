/** The Vagrantfile, as far as it can be judged without virtual machines. */

import { join } from 'node:path'
import { env } from 'node:process'
import { afterAll, describe, expect, test } from 'vitest'
import { wants } from '../needs.ts'
import { emptyFolder, root, runIn } from './checkout.ts'

describe('the Vagrantfile', wants('vagrant'), () => {
  const folder = emptyFolder()
  afterAll(folder.remove)

  const vagrant = (...args: string[]) =>
    runIn(root, env.PATH ?? '', ['vagrant', ...args], {
      VAGRANT_HOME: join(folder.path, 'home'),
      VAGRANT_DOTFILE_PATH: join(folder.path, 'machines'),
    })

  test('passes vagrant validate', async () => {
    const { code, stdout, stderr } = await vagrant('validate', '--ignore-provider')
    expect(stdout + stderr).toContain('Vagrantfile validated successfully.')
    expect(code).toBe(0)
  })

  test('names a controller and two hosts', async () => {
    const { stdout } = await vagrant('status', '--machine-readable')
    const names = stdout.split('\n').flatMap((line) => line.match(/,([^,]+),state,/)?.[1] ?? [])
    expect(names).toEqual(['controller', 'h1', 'h2'])
  })
})
