/** What happens to a test whose machine lacks something. */

import { afterEach, describe, expect, test, vi } from 'vitest'
import { needs, wants } from './needs.ts'

describe('a test that needs what the machine lacks', () => {
  afterEach(() => vi.unstubAllEnvs())

  test('is skipped with a reason that names it', () => {
    vi.stubEnv('PATH', '/nowhere')
    vi.stubEnv('CI', '')
    const reason = 'needs iperf3 on the PATH'
    expect(needs('iperf3')).toEqual({ skip: true, reason, meta: { reason } })
  })

  test('fails instead when CI=true, unless it only wants it', () => {
    vi.stubEnv('PATH', '/nowhere')
    vi.stubEnv('CI', 'true')
    expect(() => needs('linux', 'iperf3')).toThrow('CI=true, but needs iperf3 on the PATH')
    expect(wants('vagrant').skip).toBe(true)
  })

  test('runs where everything is there', () => {
    expect(needs()).toEqual({ skip: false, reason: '', meta: {} })
  })
})
