"""What versions declares."""

from controlplane.base.declaring import AppDeclaration, declare

declare(AppDeclaration(topics={"updates": "update.read"}))
