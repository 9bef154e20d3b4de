"""The policies that ship with Overspill, as data: one folder a bundle, with its tests beside it."""
