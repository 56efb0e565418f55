"""The addresses of the clinic; those under /visit never reach Django."""

from django.urls import path

from clinic import views

urlpatterns = [
    path("appointments", views.plan),
    path("appointments/<int:number>", views.look),
    path("appointments/<int:number>/room", views.room),
    path("appointments/<int:number>/admit", views.admit),
    path("appointments/<int:number>/end", views.end),
    path("events", views.events),
]
