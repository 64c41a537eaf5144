/** Where this tool keeps what it builds once per user: the rule of oclif's `cacheDir`, for before oclif is installed. */

import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { privateFolder } from './private-folder.mjs';

/** VGG16_CACHE_DIR, else `vgg16` in the user's cache folder; absolute. */
export function cacheFolder(env = process.env) {
  if (env.VGG16_CACHE_DIR) return resolve(env.VGG16_CACHE_DIR);
  if (env.XDG_CACHE_HOME) return resolve(env.XDG_CACHE_HOME, 'vgg16');
  const home = homeFolder(env);
  if (home === undefined) return privateFolder();
  return resolve(home, process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'vgg16');
}

/** Undefined for a user without one, as in containers that run under a number only. */
function homeFolder(env) {
  if (env.HOME) return env.HOME;
  try {
    return userInfo().homedir || undefined;
  } catch {
    return undefined;
  }
}
