/** A controller's REST as the options of a command name it. Neighbours: rest-options.ts, ../rest.ts. */

import { openRest, type Rest } from '../rest.ts'
import { FileError, readText } from '../text-file.ts'
import { UsageError } from '../usage.ts'
import type { RestArguments } from './rest-options.ts'

/** @throws FileError, UsageError when there is no token where one should be */
export function openSession(options: RestArguments, signal: AbortSignal): Rest {
  const { controller, ca } = options
  const token = tokenOf(options)
  if (token !== undefined && isOpenToOthers(controller))
    process.stderr.write(
      `weft: warning: the token goes to ${controller} as anybody between can read it; https would hide it\n`,
    )
  return openRest({ controller, token, ca: ca === undefined ? undefined : readText(ca), signal })
}

function tokenOf({ tokenFile }: RestArguments): string | undefined {
  const text = tokenFile === undefined ? process.env.WEFT_TOKEN : readText(tokenFile)
  const token = text?.trim()
  if (tokenFile === undefined && !token) return undefined
  if (token && /^[\x21-\x7e]+$/.test(token)) return token
  const message = 'has no token: one line without spaces'
  if (tokenFile === undefined) throw new UsageError(`WEFT_TOKEN ${message}`)
  throw new FileError(`${tokenFile} ${message}`)
}

function isOpenToOthers(controller: string): boolean {
  if (!controller.startsWith('http:')) return false
  const { hostname } = new URL(controller)
  return !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}
